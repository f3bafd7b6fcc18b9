//! What outlives a run: the ring buffer, and tables that are bounded. The user side may change their sizes.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf};
use throughline_common::call;
use throughline_common::connection::{Connection, Opened};
use throughline_common::counter::COUNTERS as COUNTERS_LENGTH;
use throughline_common::missing::{MISSING as MISSING_LENGTH, Missing};
use throughline_common::target::{PLACES, Target};
use throughline_common::thread::Thread;
use throughline_common::wish::WISHES as WISHES_LENGTH;

use crate::scan;

/// Records on their way to the user side.
#[map]
pub(crate) static RECORDS: RingBuf = RingBuf::with_byte_size(1 << 23, 0);

/// Processes that are watched, by process id.
#[map]
pub(crate) static TARGETS: HashMap<u32, Target> = HashMap::with_max_entries(1 << 13, 0);

/// How many processes are watched of those whose ids end with the same 16 bits. Tells at a glance that a process is not
/// watched, which most are not.
#[map]
pub(crate) static WATCHED: Array<u64> = Array::with_max_entries(PLACES, 0);

/// Connections, by the address of their socket. An entry ends when its socket is closed.
#[map]
pub(crate) static CONNECTIONS: HashMap<u64, Connection> = HashMap::with_max_entries(1 << 15, 0);

/// Connections that were established and have not been used by a watched process yet, by the address of their socket:
/// only where sockets tell what moves. Those that nobody watches are the first to be forgotten.
#[map]
pub(crate) static OPENED: LruHashMap<u64, Opened> = LruHashMap::with_max_entries(1 << 13, 0);

/// Threads of watched processes, by thread id. Threads that were not seen for long are forgotten.
#[map]
pub(crate) static THREADS: LruHashMap<u32, Thread> = LruHashMap::with_max_entries(1 << 15, 0);

/// What threads just read, while it is searched for a mark, by the end of the thread's id.
#[map]
pub(crate) static HEADS: Array<scan::Head> = Array::with_max_entries(scan::PLACES, 0);

/// Arguments of calls under way, by thread id: only where the registers cannot be read when the call returns.
#[map]
pub(crate) static ENTERED: HashMap<u32, [u64; 6]> = HashMap::with_max_entries(1 << 14, 0);

/// Whose records found no room in the ring buffer.
#[map]
pub(crate) static MISSING: LruHashMap<u64, Missing> = LruHashMap::with_max_entries(MISSING_LENGTH, 0);

/// What an entry of that begins with.
#[map]
pub(crate) static NOTHING: Array<Missing> = Array::with_max_entries(1, 0);

/// What the user side asks for on connections.
#[map]
pub(crate) static WISHES: Array<u64> = Array::with_max_entries(WISHES_LENGTH, 0);

/// Which calls matter, by their number.
#[map]
pub(crate) static CALLS: Array<u32> = Array::with_max_entries(call::NUMBERS, 0);

/// Counters.
#[map]
pub(crate) static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(COUNTERS_LENGTH, 0);
