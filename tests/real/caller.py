"""A caller of any RPC by its name, and the mailbox of all people: the log delivery."""

import json
import threading
from collections import Counter, defaultdict
from typing import BinaryIO

import grpc
from google.protobuf import message_factory

from countersign import Countersign
from programs import Failed

# Seconds.
DEADLINE = 20
# What may come of a call that its caller gives up at any moment.
GIVEN_UP = "OK DEADLINE_EXCEEDED CANCELLED RESOURCE_EXHAUSTED"


def methods() -> dict:
    """The contract's RPCs by name, without their service: no two have the same."""
    from auth.v1 import account_service_pb2, admin_service_pb2, auth_service_pb2, token_service_pb2

    files = (account_service_pb2, admin_service_pb2, auth_service_pb2, token_service_pb2)
    return {m.name: m for file in files for s in file.DESCRIPTOR.services_by_name.values() for m in s.methods}


class Caller:
    """Calls any RPC by its name, and counts the answers of each."""

    def __init__(self, server: Countersign):
        self.methods, self.channel = methods(), server.channel()
        self.answers: Counter[tuple[str, str]] = Counter()
        self.lock = threading.Lock()

    def __call__(self, rpc: str, token: str = "", status: str = "OK", deadline: float = DEADLINE, **fields):
        """The answer, which must have this status, or one of these; of a stream the first message."""
        method = self.methods[rpc]
        requests, answers = (message_factory.GetMessageClass(part) for part in (method.input_type, method.output_type))
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        path = f"/{method.containing_service.full_name}/{rpc}"
        call = getattr(self.channel, kind)(path, requests.SerializeToString, answers.FromString)
        request, metadata = requests(**fields), [("authorization", f"Bearer {token}")] if token else []
        seen, details, answer = "OK", "", None
        try:
            answer = call(iter([request]) if method.client_streaming else request, timeout=deadline, metadata=metadata)
            if method.server_streaming:
                stream, answer = answer, next(answer)
                stream.cancel()
        except grpc.RpcError as error:
            seen, details = error.code().name, error.details()
        with self.lock:
            self.answers[rpc, seen] += 1
        if seen not in status.split():
            raise Failed(f"{rpc}: {seen}, not {status}: {details}")
        return answer

    def missing(self) -> set[str]:
        """What has not succeeded once."""
        return set(self.methods) - {rpc for rpc, status in self.answers if status == "OK"}


class Letters:
    """The codes that the log delivery writes, as they come. Of replicas, any may be the one that sends."""

    def __init__(self, *servers: Countersign):
        self.logs = [server.log.open("rb") for server in servers]
        self.codes: defaultdict[str, list[str]] = defaultdict(list)
        self.lock = threading.Lock()

    def of(self, name: str) -> list[str]:
        with self.lock:
            for log in self.logs:
                self._read(log)
            return list(self.codes[name])

    def _read(self, log: BinaryIO) -> None:
        while (line := log.readline()).endswith(b"\n"):
            if b'"one-time code"' in line or b'"undo_code"' in line:
                letter = json.loads(line)
                self.codes[letter["username"]].append(letter.get("code") or letter["undo_code"])
        # The rest of a line is still to come.
        log.seek(log.tell() - len(line))
