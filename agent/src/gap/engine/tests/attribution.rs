//! Whose call was it? What cannot be told apart is not judged.

use super::*;

#[test]
fn requests_of_a_trace_that_differ_say_nothing() {
    let rows = [
        (marked(1, 0xa), marked(1, 0xb), 1, "both are marked: the mark was lost here"),
        (marked(1, 0xa), unmarked(1, 0xb), 0, "the other one came without: it may be that one's call"),
    ];
    for (first, second, expected, reason) in rows {
        let mut story = Story::new();
        story.see(arrival("shop", 0, 20, second));
        story.see(arrival("shop", 30, 20, first));
        story.see(call(40, unmarked(1, 0xc)));
        let hop = hop(&story.judged());
        assert_eq!(hop.findings.iter().filter(|found| found.code == Code::MarkLost).count(), expected, "{reason}");
    }
}

#[test]
fn calls_after_the_answer_are_counted_and_not_judged() {
    let mut story = Story::new();
    for trace in 1..=5 {
        story.see(arrival("shop", trace * 1000, 20, marked(trace, 1)));
        story.see(call(trace * 1000 + 30, unmarked(trace, 2)));
    }
    let hop = hop(&story.judged());
    assert_eq!((hop.not_judged_async, hop.samples, codes(&hop).len()), (5, 0, 0));
}

#[test]
fn another_process_is_another_scope() {
    let other = Some(Process { pid: 99, started: 1 });
    for (process, samples) in [(Some(Process { pid: 42, started: 1 }), 3), (other, 0)] {
        let mut story = Story::before_cart();
        for trace in 1..=3 {
            story.see(probed(arrival("shop", trace * 1000, 20, marked(trace, 1)), BLOCKING));
            let seen = probed(departure(trace * 1000 + 10, unmarked(trace, 2)), BLOCKING);
            story.see(Observation { process, ..seen });
        }
        assert_eq!(hop(&story.judged()).samples, samples, "{process:?}");
    }
}

/// What is sent, what that is, and why.
type Row<'a> = (&'a dyn Fn(u64) -> Context, Option<Code>, &'a str);

/// Requests of a blocking process, of which the last three are marked and make this call.
fn in_sections(threads: Threads, sent: impl Fn(u64) -> Context, call_thread: u32) -> Hop {
    let mut story = Story::before_cart();
    for request in 1..=25 {
        let is_marked = request > 22;
        let context = if is_marked { marked(request, 1) } else { unmarked(request, 1) };
        story.see(probed(arrival("shop", request * 1000, 20, context), threads));
        let (sent, thread) = if is_marked { (sent(request), call_thread) } else { (Context::default(), 7) };
        story.see(probed(departure(request * 1000 + 10, sent), Threads { head: thread, ..threads }));
    }
    let judgement = story.judged();
    hop(&judgement)
}

#[test]
fn a_thread_that_blocks_works_for_one_request() {
    let nothing = |_| Context::default();
    let rows: [Row<'_>; 4] = [
        (&nothing, Some(Code::ContextLost), "no context"),
        (&|request| unmarked(9000 + request, 1), Some(Code::TraceRestarted), "a trace nobody has seen"),
        (&|request| unmarked(request - 10, 2), Some(Code::Stale), "the trace of a request that has ended"),
        (&|request| marked(request, 2), None, "its own"),
    ];
    for (sent, code, reason) in rows {
        let expected: Vec<_> = code.into_iter().map(|code| (code, Confidence::Confirmed)).collect();
        assert_eq!(codes(&in_sections(BLOCKING, sent, 7)), expected, "{reason}");
    }
    // Windows alone may still find it possible.
    let sure = |hop: &Hop| hop.findings.iter().filter(|found| found.confidence > Confidence::Possible).count();
    assert_eq!(sure(&in_sections(BLOCKING, nothing, 8)), 0, "another thread made the call");
    let rows = [
        (Threads { waited_elsewhere: Some(true), ..BLOCKING }, "it waited for others in between"),
        (Threads { waited_elsewhere: None, ..BLOCKING }, "nobody knows what it waited for"),
        (Threads { answer: Some(8), ..BLOCKING }, "another thread answered"),
        (Threads { answer: None, ..BLOCKING }, "the request was given up"),
    ];
    for (threads, reason) in rows {
        assert_eq!(sure(&in_sections(threads, nothing, 7)), 0, "{reason}");
    }
}

#[test]
fn who_is_given_no_usable_context_may_begin_a_trace() {
    let twice = |trace| Context {
        traceparent: [1, 2].into_iter().flat_map(|parent| marked(trace, parent).traceparent).collect(),
        problem: Some(TraceparentError::SeveralLines),
        ..marked(trace, 1)
    };
    for (is_twice, expected) in [(false, 1), (true, 0)] {
        let mut story = Story::before_cart();
        for request in 1..=40 {
            let given = if is_twice { twice(request) } else { marked(request, 1) };
            story.see(probed(arrival("shop", request * 1000, 20, given), BLOCKING));
            story.see(probed(departure(request * 1000 + 10, unmarked(9000 + request, 1)), BLOCKING));
        }
        let found = hop(&story.judged()).findings;
        assert_eq!(found.iter().filter(|found| found.code == Code::TraceRestarted).count(), expected, "{found:?}");
    }
}

#[test]
fn what_a_thread_kept_from_before_it_was_watched_may_be_what_it_sends() {
    for (earlier, expected, reason) in [
        (false, Confidence::Likely, "nobody knows what each of them served before"),
        (true, Confidence::Confirmed, "each was seen to serve another one first"),
    ] {
        let mut story = Story::before_cart();
        let mut at = 0;
        let mut serve = |story: &mut Story, process: u32, given: Context, sent: Context| {
            at += 1000;
            let process = Some(Process { pid: process, started: 1 });
            story.see(Observation { process, ..probed(arrival("shop", at, 20, given), BLOCKING) });
            story.see(Observation { process, ..probed(departure(at + 10, sent), BLOCKING) });
        };
        for process in 1..=4 {
            if earlier {
                serve(&mut story, process, Context::default(), Context::default());
            }
            let trace = u64::from(process);
            serve(&mut story, process, marked(trace, 1), unmarked(9000 + trace, 2));
            // It is seen to block.
            (0..25).for_each(|_| serve(&mut story, process, Context::default(), Context::default()));
        }
        let found = finding(&hop(&story.judged()), Code::TraceRestarted);
        assert_eq!((found.confidence, found.broken), (expected, 4), "{reason}");
    }
}

#[test]
fn a_state_that_was_not_kept_may_have_been_too_large() {
    let large: Vec<String> = (0..33).map(|member| format!("vendor{member}=x")).collect();
    let large = |parent| Context { tracestate: vec![large.join(",").into()], ..unmarked(1, parent) };
    let not_kept = Context { tracestate: vec![], has_tracestate: true, tracestate_kept: false, ..unmarked(1, 0xb) };
    for (second, expected, reason) in [
        (marked(1, 0xb), 1, "it was not: the service made it so"),
        (not_kept, 0, "a proxy keeps none of requests without mark"),
    ] {
        let mut story = Story::new();
        story.see(arrival("shop", 0, 50, marked(1, 0xa)));
        story.see(arrival("shop", 20, 20, second));
        story.see(call(30, large(0xc)));
        let found = hop(&story.judged()).findings;
        assert_eq!(
            found.iter().filter(|found| found.code == Code::MalformedOut).count(),
            expected,
            "{reason}: {found:?}"
        );
    }
}

#[test]
fn what_calls_nobody_does_not_show_how_a_process_works() {
    for (with_calls, expected) in [(25, vec![(Code::ContextLost, Confidence::Confirmed)]), (3, vec![])] {
        let mut story = Story::before_cart();
        for request in 1..=200 {
            let is_marked = request > 197;
            let context = if is_marked { marked(request, 1) } else { unmarked(request, 1) };
            story.see(probed(arrival("shop", request * 1000, 20, context), BLOCKING));
            if request > 200 - with_calls {
                story.see(probed(departure(request * 1000 + 10, Context::default()), BLOCKING));
            }
        }
        let sure: Vec<_> = codes(&hop(&story.judged()))
            .into_iter()
            .filter(|(_, confidence)| *confidence > Confidence::Possible)
            .collect();
        assert_eq!(sure, expected, "{with_calls} of 200 requests made a call");
    }
}

#[test]
fn clocks_that_differ_are_compared_first() {
    for ahead in [0_i64, 3000, -3000] {
        let mut story = Story::new();
        for trace in 1..=40 {
            story.see(arrival("shop", trace * 1000, 20, marked(trace, 1)));
            let mut seen = call((trace * 1000 + 10).saturating_add_signed(ahead), unmarked(trace, 2));
            seen.origin.clock = "elsewhere".into();
            seen.origin.name = "other".into();
            story.see(seen);
        }
        let hop = hop(&story.judged());
        assert_eq!((hop.verdict, hop.not_judged_async), (Verdict::Breaks, 0), "ahead by {ahead} ms");
        assert!(hop.samples >= 30, "ahead by {ahead} ms: all but the first ones, which compare the clocks");
    }
}
