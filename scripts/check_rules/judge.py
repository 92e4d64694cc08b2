"""Whether the rules of the contract and an answer of the server agree. Fields go by their last names, as in the server's answers."""

from collections.abc import Iterator

import protovalidate
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from partial import is_intended
from server import Answer

PACKAGE = "auth.v1."


def refused_by_rules(request: Message) -> set[str]:
    """The fields that protovalidate refuses. A rule of ours in CEL has the field's name as its id."""
    names = set()
    for violation in protovalidate.collect_violations(request):
        path = violation.proto.field
        names.add(path.elements[-1].field_name if path else violation.proto.rule_id)
    return names


def disagreements(rpc: str, request: Message, by_rules: set[str], answer: Answer, alone: bool) -> Iterator[tuple[str, str]]:
    """The fields that one refuses and the other accepts. Where several are bad the server may name only some of them, as sizes come
    first; and where more than one was changed (not `alone`), ids that are unknown come before other fields."""
    if by_rules and not by_rules & answer.refused and (alone or answer.text == "OK"):
        yield min(by_rules), f"is refused by the rules, and the server answers {answer.text}"
    for field in answer.refused - by_rules:
        if not is_intended(rpc, field, request):
            yield field, "is refused by the server, and not by the rules"


def fields_with_rules(message: Descriptor) -> set[str]:
    """Those of a request, and of the messages in it."""
    names = {rule.id for rule in message.GetOptions().Extensions[validate_pb2.message].cel}
    for oneof in message.oneofs:
        if oneof.GetOptions().Extensions[validate_pb2.oneof].required:
            names.add(oneof.name)
    for field in message.fields:
        if field.GetOptions().HasExtension(validate_pb2.field):
            names.add(field.name)
        if field.message_type and field.message_type.full_name.startswith(PACKAGE):
            names |= fields_with_rules(field.message_type)
    return names
