"""What openapi-python-client has made, by its own names: python openapi.py URL. tests/real/node/web/talk.mjs has the words."""

import importlib
import inspect
import json
import pkgutil
import sys

sys.path.insert(0, "")
import countersign
from countersign import AuthenticatedClient, Client
from countersign.models import Status

url = sys.argv[1]
MODULES = [module.name for module in pkgutil.walk_packages(countersign.__path__, "countersign.")]


def operation(rpc: str):
    """That of AuthService.Verify2FA is the module auth_service_verify_2fa."""
    name = rpc.replace(".", "").lower()
    return importlib.import_module(next(module for module in MODULES if module.rpartition(".")[2].replace("_", "") == name))


def call(rpc: str, request: dict, token: str | None) -> dict:
    sync = operation(rpc).sync
    client = AuthenticatedClient(url, token=token) if token else Client(url)
    parameters = inspect.signature(sync).parameters
    given = {"body": parameters["body"].annotation.from_dict(request)} if "body" in parameters else request
    answer = sync(client=client, **given)
    return {"error": error_of(answer)} if isinstance(answer, Status) else answer.to_dict()


def error_of(status: Status) -> dict:
    details = [detail.to_dict() for detail in status.details]
    reasons = [detail["reason"] for detail in details if detail["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"]
    return {"code": status.code, "reason": reasons[0]}


for line in sys.stdin:
    print(json.dumps(call(**json.loads(line))), flush=True)
