"""What scripts/contract_rules.py finds wrong: python3 -m unittest discover --start-directory scripts/tests"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from contract_rules import BEHAVIOR, HTTP, Contract  # noqa: E402

GET = {"idempotencyLevel": "NO_SIDE_EFFECTS"}


def message(name: str, *fields: str | dict) -> dict:
    return {"name": name, "field": [{"name": field} if isinstance(field, str) else field for field in fields]}


def rpc(name: str, request: str, http: dict | None = None, **more: object) -> dict:
    options = {key: more.pop(key) for key in ("idempotencyLevel", "shiny") if key in more} | ({HTTP: http} if http else {})
    return {"name": name, "inputType": f".auth.v1.{request}", "options": options, **more}


class Problems(unittest.TestCase):
    def found(self, *rpcs: dict, messages: tuple[dict, ...] = ()) -> list[str]:
        user = {"name": "user", "typeName": ".auth.v1.User"}
        known = [message("Request", "id", "page_token", "password"), message("User", "id", "name"), message("Update", user, "mask"), *messages]
        foreign = {"package": "google.api", "messageType": [message("HttpRule", "secret")]}
        ours = {"package": "auth.v1", "messageType": known, "service": [{"name": "Service", "method": list(rpcs)}]}
        return list(Contract({"file": [foreign, ours]}).problems())

    def test_what_is_right_is_not_found(self):
        post = {"post": "/v1/users/{id}:set", "body": "*"}
        patch = {"patch": "/v1/users/{user.id}", "body": "user"}
        stream = rpc("Watch", "Request", serverStreaming=True)
        small = message("Page", "id", {"name": "page_token", "options": {"deprecated": True, BEHAVIOR: ["OPTIONAL"]}})
        get = {"get": "/v1/users/{id}", "additionalBindings": [{"get": "/v1/users:find"}]}
        rpcs = [rpc("Set", "Request", post), rpc("Update", "Update", patch), stream, rpc("Get", "Page", get, **GET)]
        self.assertEqual(self.found(*rpcs, messages=(small,)), [])

    def test_each_rpc_but_a_stream_has_a_rule(self):
        for stream in ("clientStreaming", "serverStreaming"):
            [found] = self.found(rpc("Watch", "Request", {"post": "/v1/watch", "body": "*"}, **{stream: True}))
            self.assertEqual(found, "Service.Watch is a stream, and has an HTTP rule")
        self.assertEqual(self.found(rpc("Set", "Request")), ["Service.Set is no stream, and has no HTTP rule"])

    def test_a_path_is_for_one_rpc(self):
        def both(one: str, other: str, **verbs: str) -> list[str]:
            first = {"post": one, "body": "*"}
            return self.found(rpc("A", "Request", first), rpc("B", "Request", {verbs.get("verb", "post"): other, "body": "*"}))

        for one, other in (("/v1/a", "/v1/a"), ("/v1/{id}", "/v1/{page_token}"), ("/v1/{id}", "/v1/a"), ("/v1/a:b", "/v1/a:b")):
            self.assertEqual(both(one, other), [f"Service.A: POST {one} could be meant for Service.B: POST {other}, too"])
        for one, other in (("/v1/a", "/v1/b"), ("/v1/{id}", "/v1/a:b"), ("/v1/a:b", "/v1/a:c"), ("/v1/a", "/v1/a/{id}")):
            self.assertEqual(both(one, other), [])
        self.assertEqual(both("/v1/a", "/v1/a", verb="put"), [])
        additional = {"post": "/v1/b", "body": "*", "additionalBindings": [{"post": "/v1/a", "body": "*"}]}
        self.assertEqual(len(self.found(rpc("A", "Request", {"post": "/v1/a", "body": "*"}), rpc("B", "Request", additional))), 1)

    def test_no_secret_is_in_a_url(self):
        names = ("challenge_id", "verification_id", "code", "totp_code", "token", "refresh_token", "password", "new_password", "secret", "key")
        for name in names:
            secret = (message("Secret", name),)
            in_path = rpc("A", "Secret", {"post": f"/v1/a/{{{name}}}", "body": "*"})
            in_query = rpc("A", "Secret", {"get": "/v1/a"}, **GET)
            for of in (in_path, in_query):
                [found] = self.found(of, messages=secret)
                self.assertIn(f"has the secret {name} in the URL", found)
            self.assertEqual(self.found(rpc("A", "Secret", {"post": "/v1/a", "body": "*"}), messages=secret), [])

    def test_what_a_named_body_leaves_is_in_the_query_also_within_messages(self):
        deep = (message("Inner", "code"), message("Deep", {"name": "inner", "typeName": ".auth.v1.Inner"}, "body"))
        named = rpc("A", "Deep", {"post": "/v1/a", "body": "body"})
        self.assertEqual(self.found(named, messages=deep), ["Service.A: POST /v1/a has the secret inner.code in the URL"])

    def test_a_rule_names_fields_of_its_request(self):
        wrong = {"post": "/v1/{nobody}", "body": "*"}
        self.assertEqual(self.found(rpc("A", "Request", wrong)), ["Service.A: POST /v1/{nobody} has no field nobody"])
        wrong = {"patch": "/v1/a", "body": "users"}
        self.assertEqual(self.found(rpc("A", "Update", wrong)), ["Service.A: PATCH /v1/a has no field users"])
        self.assertEqual(self.found(rpc("A", "User", {"post": "/v1/a"})), ["Service.A: POST /v1/a has no body"])

    def test_verbs_and_idempotency_agree(self):
        for http, level in ((({"get": "/v1/a"}), None), ({"post": "/v1/a", "body": "*"}, "NO_SIDE_EFFECTS"), ({"delete": "/v1/a"}, None)):
            [found] = self.found(rpc("A", "User", http, **({"idempotencyLevel": level} if level else {})))
            self.assertTrue(found.startswith("Service.A "), found)

    def test_new_options_are_found(self):
        fields = (message("New", {"name": "id", "options": {"debugRedact": True}}),)
        found = self.found(rpc("A", "New", {"post": "/v1/a", "body": "*"}, shiny=True), messages=fields)
        self.assertEqual(len(found), 2)
        self.assertIn("auth.v1.New.id has the option debugRedact: which protoc knows it?", found)


if __name__ == "__main__":
    unittest.main()
