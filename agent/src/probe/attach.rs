//! Loading and attaching program by program.

use std::error::Error;
use std::io;

use aya::Ebpf;
use aya::maps::{Array, MapData};
use aya::programs::{ProgramError, RawTracePoint, TracePoint};

use super::ledger::{Part, Way};
use super::plan::{AT_CALLS, AT_EVENTS, AT_SOCKETS, AtCall, AtEvent, ENTRY, EVERY_CALL, URING};
use super::refused::Refused;

/// Why loading ended.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Another way may work.
    Way(String),
    /// No way will.
    All(Refused),
}

/// Attaches everything that this way needs.
///
/// # Errors
/// What sees requests was refused.
pub(crate) fn attach(object: &mut Ebpf, calls: &mut Array<MapData, u32>, way: Way) -> Result<Vec<Part>, Failed> {
    let mut parts: Vec<Part> = AT_EVENTS.iter().map(|event| part(event, at_event(object, event))).collect();
    match way {
        Way::Socket => {
            if let Some(why) = refusal(&parts, &["socket_state"]) {
                return Err(Failed::Way(why));
            }
            name_calls(calls);
            for event in AT_SOCKETS {
                at_event(object, event).map_err(Failed::Way)?;
                parts.push(part(event, Ok(())));
            }
            parts.push(part(&URING, at_event(object, &URING)));
        }
        Way::Raw => {
            name_calls(calls);
            at_event(object, &EVERY_CALL).map_err(Failed::Way)?;
            parts.push(part(&EVERY_CALL, Ok(())));
        }
        Way::Registers | Way::Entered => {
            if way == Way::Entered {
                loaded::<TracePoint>(object, ENTRY).map_err(Failed::Way)?;
            }
            for at in AT_CALLS {
                let outcome = at_call(object, at, way == Way::Entered);
                parts.push(Part { program: at.program, without: at.without, refused: outcome.err() });
            }
            sees_requests(&parts).map_err(Failed::Way)?;
        }
    }
    Ok(parts)
}

/// Says which call has which number.
fn name_calls(calls: &mut Array<MapData, u32>) {
    for (call, number) in AT_CALLS.iter().flat_map(|at| at.names.iter().map(|(_, number)| (at.call, number))) {
        let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else { continue };
        // A number beyond the array is of a call these programs do not know.
        let _ = calls.set(number, call as u32, 0);
    }
}

/// Whether anything that reads and anything that writes works.
fn sees_requests(parts: &[Part]) -> Result<(), String> {
    for programs in [["exit_read", "exit_recvfrom"], ["exit_write", "exit_sendto"]] {
        if let Some(why) = refusal(parts, &programs) {
            return Err(why);
        }
    }
    Ok(())
}

/// Why one of these programs does not work.
fn refusal(parts: &[Part], programs: &[&str]) -> Option<String> {
    let mut needed = parts.iter().filter(|part| programs.contains(&part.program));
    needed.find_map(|part| part.refused.clone())
}

fn part(event: &AtEvent, outcome: Result<(), String>) -> Part {
    Part { program: event.program, without: event.without, refused: outcome.err() }
}

fn at_event(object: &mut Ebpf, event: &AtEvent) -> Result<(), String> {
    let program = loaded::<RawTracePoint>(object, event.program)?;
    program.attach(event.event).map(drop).map_err(|error| {
        let is_missing = is_of(&error, io::ErrorKind::NotFound);
        if is_missing { format!("this kernel has no tracepoint {}", event.event) } else { reason(&error) }
    })
}

fn at_call(object: &mut Ebpf, at: &AtCall, with_entry: bool) -> Result<(), String> {
    let program = loaded::<TracePoint>(object, at.program)?;
    let here = || at.names.iter().filter(|(_, number)| number.is_some());
    let mut outcome = Err("this kernel has no such call".to_owned());
    for (name, _) in here() {
        let attached = program.attach("syscalls", &format!("sys_exit_{name}"));
        // One call of several is enough: older kernels lack the newer ones.
        outcome = outcome.or(attached.map(drop).map_err(|error| reason(&error)));
    }
    outcome?;
    if with_entry {
        let entry: &mut TracePoint = found(object, ENTRY)?;
        for (name, _) in here() {
            let _ = entry.attach("syscalls", &format!("sys_enter_{name}"));
        }
    }
    Ok(())
}

/// The program of this name, loaded.
fn loaded<'a, P>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut P, String>
where
    P: Load,
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    let program: &mut P = found(object, name)?;
    program.load().map_err(|error| reason(&error))?;
    Ok(program)
}

fn found<'a, P>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    let program = object.program_mut(name).ok_or_else(|| format!("the kernel object has no program `{name}`"))?;
    program.try_into().map_err(|error: ProgramError| error.to_string())
}

/// What both kinds of programs have in common.
trait Load {
    fn load(&mut self) -> Result<(), ProgramError>;
}

impl Load for TracePoint {
    fn load(&mut self) -> Result<(), ProgramError> {
        TracePoint::load(self)
    }
}

impl Load for RawTracePoint {
    fn load(&mut self) -> Result<(), ProgramError> {
        RawTracePoint::load(self)
    }
}

/// An error that no other way will be spared.
pub(crate) fn all(error: &aya::EbpfError) -> Failed {
    let said = reason(error);
    Failed::All(if is_permission(error) { Refused::NotPermitted(said) } else { Refused::Kernel(said) })
}

/// The kernel object is not what this program expects.
pub(crate) fn broken(said: String) -> Failed {
    Failed::All(Refused::Kernel(said))
}

fn is_permission(error: &(dyn Error + 'static)) -> bool {
    is_of(error, io::ErrorKind::PermissionDenied)
}

fn is_of(error: &(dyn Error + 'static), kind: io::ErrorKind) -> bool {
    causes(error).any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == kind))
}

/// One line: for a program that the verifier refused, the last it had to say.
fn reason(error: &(dyn Error + 'static)) -> String {
    for cause in causes(error) {
        if let Some(ProgramError::LoadError { io_error, verifier_log }) = cause.downcast_ref() {
            let log = verifier_log.to_string();
            let said = log.lines().map(str::trim).rfind(|line| says_why(line)).unwrap_or("it gave no reason");
            return format!("the kernel refused to load it: {io_error} ({said})");
        }
    }
    let said: Vec<String> = causes(error).map(ToString::to_string).collect();
    said.last().cloned().unwrap_or_default()
}

/// Whether this line of the verifier's is more than its statistics.
fn says_why(line: &str) -> bool {
    let statistics = ["processed ", "stack depth ", "verification time "];
    !line.is_empty() && !statistics.iter().any(|begin| line.starts_with(begin))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| <dyn Error>::source(*error))
}
