"""Values that must not be rendered, and what Helm has to say of each."""

from collections.abc import Iterator

from .chart import CHART, Refused, render

MINIMAL = CHART / "ci/minimal.yaml"
REFERENCE = '{"name": "countersign", "key": "x"}'

# What is laid over the smallest set of values, as JSON, and a part of the message.
VALUES = [
    ({"settings.COUNTERSIGN_ISUER": '"https://auth.example.com"'}, "COUNTERSIGN_ISUER"),
    ({"settings.COUNTERSIGN_REFLECTION": "true"}, "COUNTERSIGN_REFLECTION"),
    ({"settings.COUNTERSIGN_MASTER_KEY": '"c2VjcmV0"'}, "COUNTERSIGN_MASTER_KEY"),
    ({"settings.COUNTERSIGN_SMTP_URL": '"smtps://user:password@mail"'}, "COUNTERSIGN_SMTP_URL"),
    ({"settings.COUNTERSIGN_DRAIN_DELAY": '"1m"'}, "COUNTERSIGN_DRAIN_DELAY"),
    ({"secrets.COUNTERSIGN_MASTER_KEY": '"c2VjcmV0"'}, "COUNTERSIGN_MASTER_KEY"),
    ({"secrets.COUNTERSIGN_MASTER_KEY": '{"name": "countersign", "value": "c2VjcmV0"}'}, "COUNTERSIGN_MASTER_KEY"),
    ({"secrets.COUNTERSIGN_ISSUER": REFERENCE}, "COUNTERSIGN_ISSUER"),
    ({"extraEnv": '[{"name": "COUNTERSIGN_MASTER_KEY", "value": "c2VjcmV0"}]'}, "extraEnv"),
    ({"extraEnv": '[{"name": "PGPASSWORD", "value": "secret"}]'}, "extraEnv"),
    ({"database.password": '"secret"'}, "password"),
    ({"database.parameters": '{"password": "secret"}'}, "'password' not allowed"),
    ({"database.hosts": '["postgres.db.svc"]'}, "which one is the database"),
    ({"settings": "{}"}, "- settings.COUNTERSIGN_ISSUER\n- settings.COUNTERSIGN_DELIVERY\n- tls.enabled"),
    ({"secrets": "{}"}, "- secrets.COUNTERSIGN_MASTER_KEY\n- database.hosts or secrets.DATABASE_URL"),
    ({"tls.enabled": "true"}, "tls.existingSecret"),
    ({"tls.enabled": "true", "tls.existingSecret": '"tls"', "probes.protocol": '"grpc"'}, "speak no TLS"),
    ({"migrations.mode": '"hook"'}, "mode"),
    ({"authz.rules": '{"rules": []}'}, "rules"),
    ({"authz.rules": '{"rules": [{"path": "/orders", "role": ["admin"]}]}'}, "role"),
    ({"authz.rules": '{"rules": [{"path": "/orders", "roles": []}]}'}, "roles"),
    ({"authz.rules": '{"rules": [{"path": "/orders", "roles": null}]}'}, "roles"),
    ({"authz.rules": '[{"path": "/orders"}]'}, "rules"),
    ({"authz.rules": '{"rules": [{"path": "/admin", "roles": []}]}'}, "roles"),
    ({"authz.rules": '{"rules": [{"path": "/"}]}', "settings.COUNTERSIGN_AUTHZ_RULES": '"/rules/rules.json"'}, "which ones are the rules"),
    ({"authz.rules": '{"rules": [{"path": "/"}]}', "extraEnv": '[{"name": "COUNTERSIGN_AUTHZ_RULES", "value": "/rules.json"}]'}, "extraEnv"),
    ({"authz.cookie": '"session"'}, "authz.cookie"),
    ({"settings.COUNTERSIGN_AUTHZ_COOKIE": '"session"'}, "COUNTERSIGN_AUTHZ_COOKIE"),
    ({"autoscaling.enabled": "true", "autoscaling.cpu": "0"}, "autoscaling goes by nothing"),
    ({"ports.grpc": "443"}, "grpc"),
    ({"replica": "3"}, "replica"),
]


def faults() -> Iterator[str]:
    for change, message in VALUES:
        try:
            render(MINIMAL, change)
        except Refused as refusal:
            if message not in str(refusal):
                yield f"{change} is refused without a word of {message}: {refusal}"
        else:
            yield f"{change} is rendered"
