"""Counts of how a server reads, waits and writes, for people: what the judgement's rules assume, held against it."""

import statistics


def facts(calls, seen, known):
    arrived = [one for one in seen if one.arrives and one.answered is not None]
    made = [one for one in seen if not one.arrives]
    readers = {}
    for one in arrived:
        readers.setdefault(one.pid, []).append(one)

    def owners(call):
        """Arrived requests of the same process that were under way when the call left."""
        return [one for one in readers.get(call.pid, []) if one.start <= call.start and (one.end or call.start) >= call.start]

    by_reader, by_other, outside, ambiguous = 0, 0, 0, 0
    for call in made:
        under_way = owners(call)
        threads = [one for one in under_way if one.head == call.head]
        by_reader += len(threads) == 1
        ambiguous += len(threads) > 1
        by_other += bool(under_way) and not threads
        outside += not under_way
    by_path = {identifier(one): one for one in arrived}
    thread_right, thread_wrong, alone_right, alone_wrong = 0, 0, 0, 0
    for call in made:
        if not call.request.first.startswith("GET"):
            continue
        cause = by_path.get(identifier(call))
        for one in owners(call):
            if one.head == call.head == one.answer and one.waited_elsewhere is False and call.start < one.answered:
                thread_right += one is cause
                thread_wrong += one is not cause
        if len(owners(call)) == 1:
            alone_right += owners(call)[0] is cause
            alone_wrong += owners(call)[0] is not cause
    busy = [len(owners(call)) for call in made]
    return {
        "arrived": len(arrived),
        "calls": len(made),
        "processes": len({one.pid for one in seen}),
        "reading_threads": len({one.head for one in seen if one.arrives}),
        "reader_wrote_answer": sum(one.head == one.answer for one in arrived),
        "waited_elsewhere": sum(bool(one.waited_elsewhere) for one in arrived),
        "slept_in_futex": sum(one.slept for one in arrived),
        "heads_in_several_reads": sum(one.head_pieces > 1 for one in arrived),
        "heads_read_by_several_threads": sum(one.head_threads > 1 for one in arrived),
        "call_heads_in_several_writes": sum(one.head_pieces > 1 for one in made),
        "writes_with_several_heads": sum(several_heads(connection.writes) for connection in known),
        "reads_with_several_heads": sum(several_heads(connection.reads) for connection in known),
        "calls_written_by_reader": by_reader,
        "calls_written_by_reader_of_several": ambiguous,
        "calls_written_by_other_thread": by_other,
        "calls_with_no_request_under_way": outside,
        "calls_answered_to_other_thread": sum(one.answer is not None and one.answer != one.head for one in made),
        "calls_per_connection": round(len(made) / max(1, len({one.connection.number for one in made})), 2),
        "get_calls_given_to_reader_right": thread_right,
        "get_calls_given_to_reader_wrong": thread_wrong,
        "get_calls_given_to_only_request_right": alone_right,
        "get_calls_given_to_only_request_wrong": alone_wrong,
        "requests_under_way_at_a_call": round(statistics.mean(busy), 2) if busy else 0,
        "connects_refused": sum(call.name == "connect" and "ECONNREFUSED" in call.arguments for call in calls),
        "connects_in_progress": sum(call.name == "connect" and call.result < 0 for call in calls),
        "name_lookups": sum(call.name == "connect" and "htons(53)" in call.arguments for call in calls),
        "io_uring": sum(call.name.startswith("io_uring") for call in calls),
        "sendfile": sum(call.name in ("sendfile", "splice") for call in calls),
    }


def identifier(one):
    return one.request.first.split(" ")[1].rpartition("/")[2]


def several_heads(pieces):
    heads = (b"GET /", b"POST /", b"HTTP/1.1 2")
    return sum(sum(call.data().count(head) for head in heads) > 1 for call in pieces.calls)
