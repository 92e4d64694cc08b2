"""Does with the guide's client what each line of standard input says, and answers with a line. tests/real/test_languages.py has the words."""

import collections
import concurrent.futures
import json
import sys
import threading
import time

import grpc

sys.path.insert(0, "")
import client as guide
from auth.v1 import auth_service_pb2 as auth
from auth.v1 import token_service_pb2 as token
from auth.v1 import token_service_pb2_grpc
from google.protobuf.json_format import MessageToDict

channel = guide.connect()
client = guide.Client(channel)
tokens = token_service_pb2_grpc.TokenServiceStub(channel)


def details(error: grpc.RpcError) -> dict:
    reason, retry_after = guide.details_of(error)
    return {"code": error.code().name, "reason": reason, "retryAfter": retry_after}


class Load:
    def __init__(self, workers: int, pause: int, username: str, password: str):
        self.calls, self.failures, self.gap = 0, collections.Counter(), 0.0
        self.enough, self.last, self.lock = None, time.monotonic(), threading.Lock()
        self.pause, self.who = pause / 1000, (username, password)
        self.threads = [threading.Thread(target=self.work) for _ in range(workers)]
        for thread in self.threads:
            thread.start()

    def work(self) -> None:
        at = 0
        while self.enough is None or self.calls < self.enough:
            try:
                if at % 50:
                    tokens.GetJwks(token.GetJwksRequest(), timeout=10)
                else:
                    client.login(*self.who)
                code = "OK"
            except grpc.RpcError as error:
                code = error.code().name
            at += 1
            with self.lock:
                now = time.monotonic()
                self.calls += 1
                if code == "OK":
                    self.gap, self.last = max(self.gap, now - self.last), now
                else:
                    self.failures[code] += 1
            time.sleep(self.pause)

    def end(self, enough: int) -> dict:
        self.enough = enough
        for thread in self.threads:
            thread.join()
        return {"calls": self.calls, "failures": self.failures, "gap": self.gap}


def crowd(count: int, prefix: str, password: str) -> list[str]:
    def one(at: int) -> str:
        name = f"{prefix}{at}"
        try:
            client.register(auth.RegisterRequest(username=name, email=f"{name}@example.com", password=password))
        except grpc.RpcError as error:
            return json.dumps(details(error))
        return "OK"

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def do(op: str, request: dict) -> dict:
    global load
    match op:
        case "register":
            return {"user": as_dict(client.register(auth.RegisterRequest(**request)))}
        case "login":
            return as_dict(client.login(**request))
        case "verify":
            return as_dict(client.verify_code(**request))
        case "refresh":
            return as_dict(client.refresh(request["refresh_token"], request["request_id"]))
        case "resend":
            return as_dict(client.auth.ResendCode(auth.ResendCodeRequest(**request), timeout=10))
        case "crowd":
            return {"results": crowd(**request)}
        case "begin_load":
            load = Load(**request)
            return {"calls": 0}
        case "end_load":
            return load.end(request["at_least"])
    raise ValueError(op)


def as_dict(message) -> dict:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = do(request.pop("op"), request)
    except grpc.RpcError as error:
        answer = {"error": details(error)}
    print(json.dumps(answer), flush=True)
