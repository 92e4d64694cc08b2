"""Calls the service again and again until SIGTERM, with grpcio, and prints how many calls failed. `load.py` says what the job is."""

import base64
import collections
import json
import signal
import sys
import threading
import time
from pathlib import Path

import grpc

job = json.loads(Path(sys.argv[1]).read_text())
options = list(job["options"].items())
if job["service_config"]:
    options.append(("grpc.service_config", json.dumps(job["service_config"])))
if job["authority"]:
    options.append(("grpc.default_authority", job["authority"]))
target = job["addresses"][0] if len(job["addresses"]) == 1 else "ipv4:" + ",".join(job["addresses"])
if job["ca"]:
    channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(Path(job["ca"]).read_bytes()), options=options)
else:
    channel = grpc.insecure_channel(target, options=options)
grpc.channel_ready_future(channel).result(timeout=30)

calls = [(channel.unary_unary(call["method"]), base64.b64decode(call["message"])) for call in job["calls"]]
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
lock = threading.Lock()
done, slowest, failed = 0, 0.0, collections.Counter()


def work(number: int) -> None:
    global done, slowest
    pause = job["workers"] / job["rate"]
    due = time.monotonic() + pause * number / job["workers"]
    while not (stop.is_set() and done >= job["at_least"]):
        time.sleep(max(0.0, due - time.monotonic()))
        with lock:
            method, message = calls[done % len(calls)]
            done += 1
        begun = time.monotonic()
        # Late calls are not made up for: the rate is an upper bound.
        due = max(due + pause, begun)
        failure = None
        try:
            if not method(message, timeout=job["deadline"]):
                failure = "an empty answer"
        except grpc.RpcError as error:
            failure = f"{error.code().name}: {error.details()}"
        with lock:
            slowest = max(slowest, time.monotonic() - begun)
            if failure:
                failed[failure] += 1


workers = [threading.Thread(target=work, args=(number,)) for number in range(job["workers"])]
print("ready", flush=True)
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(json.dumps({"calls": done, "failed": failed, "slowest_ms": round(slowest * 1000)}), flush=True)
