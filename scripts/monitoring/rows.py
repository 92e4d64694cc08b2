"""What the dashboard shows, in the order in which somebody on call looks at it."""

from .panels import Panel, Query, Row, all_of, calls, one, per, percentiles, quantile, rate, rates, series, share, worst

HANDLED, HANDLING = "grpc_server_handled_total", "grpc_server_handling_seconds"
HTTP = "http_server_request_duration_seconds"
STORE = "countersign_store_operation_duration_seconds"
HASHES, POSSIBLE = "countersign_password_hashes_total", "countersign_password_sustainable_hashes_per_second"
LAG, READY = "countersign_revocations_lag_seconds", "countersign_ready"
FAILED = 'grpc_code=~"INTERNAL|UNKNOWN|DATA_LOSS|UNAVAILABLE"'
# Beside Envoy's questions, one for each request of a mesh, no call of people would count.
OWN = 'grpc_service=~"auth[.].*"'
WHOLE = 'service="auth.v1.AuthService"'
LOGIN = 'grpc_method="Login"'
# Not those of health.
CHECKS = 'grpc_service!="grpc.health.v1.Health",grpc_method=~"Check|IntrospectToken"'
# A stream lasts as long as its caller likes.
NO_STREAM = 'grpc_method!~"Watch.*"'
METHOD = "{{grpc_method}}"

GLANCE = Row("At a glance", (
    Panel(
        "Alerts",
        "Alerts of deploy/prometheus/alerts.yaml that fire now; 0 also where Prometheus has not loaded them. docs/alerts.md says what to do.",
        "short", one('count(ALERTS{alertname=~"Countersign.+",alertstate="firing"}) or vector(0)', "firing"), 3, "stat", (1, 1),
    ),
    Panel(
        "Replicas ready",
        "Replicas that can do all that they are for, which takes their database.",
        "short", one(f"sum({series(READY, WHOLE)})", "ready"), 3, "stat",
    ),
    Panel("Calls", "RPCs that ended, a second, over gRPC and HTTP.", "reqps", (rates(HANDLED, "", "calls"),), 3, "stat"),
    Panel(
        "Failed",
        "Calls of auth.v1 that ended with INTERNAL, UNKNOWN, DATA_LOSS or UNAVAILABLE: a defect, or the database is away. A wrong password is no failure.",
        "percentunit", one(share(rate(HANDLED, f"{FAILED},{OWN}"), rate(HANDLED, OWN)), "failed"), 3, "stat", (0.001, 0.01),
    ),
    Panel(
        "Login, p99",
        "99 of 100 logins take no longer than this. Most of it is the hash.",
        "s", one(quantile(0.99, HANDLING, LOGIN), "p99"), 3, "stat", (1, 2.5),
    ),
    Panel(
        "Hashing in use",
        "Hashes done, as a share of what all lanes can do. Over 80 % logins begin to wait.",
        "percentunit", one(f"sum({rate(HASHES)}) / sum({series(POSSIBLE)})", "in use"), 3, "stat", (0.6, 0.8),
    ),
    Panel(
        "Revocations behind",
        "How long ago the replica that is furthest behind last read the log of revocations.",
        "s", (worst(LAG, "behind"),), 3, "stat", (1, 5),
    ),
    Panel(
        "Oldest code",
        "How long the oldest code waits for its delivery.",
        "s", (worst("countersign_outbox_oldest_seconds", "oldest", 'kind=~"login_code|code"'),), 3, "stat", (5, 30),
    ),
))  # fmt: skip

CALLS = Row("Calls", (
    Panel(
        "Calls by method",
        "RPCs that ended, a second; the twelve most called.",
        "reqps", one(f"topk(12, {per('grpc_method', rate(HANDLED))})", METHOD), 12,
    ),
    Panel(
        "Calls that did not end with OK",
        "By status. INTERNAL is a defect, UNAVAILABLE the database. UNAUTHENTICATED and INVALID_ARGUMENT are the caller's. "
        "RESOURCE_EXHAUSTED is a rate limit, or overload.",
        "reqps", (rates(HANDLED, "grpc_code", "{{grpc_code}}", 'grpc_code!="OK"'),), 12,
    ),
    Panel("How long calls take", "Over all methods but streams.", "s", percentiles(HANDLING, NO_STREAM)),
    Panel(
        "The slowest methods, p99",
        "99 of 100 calls of a method take no longer than this; the eight slowest.",
        "s", one(f"topk(8, {quantile(0.99, HANDLING, NO_STREAM, by='grpc_method')})", METHOD),
    ),
    Panel("Calls that run", "RPCs that run now, streams included, by replica.", "short", one(series("grpc_server_in_flight"), "{{instance}}")),
    Panel(
        "HTTP requests",
        "By route and status.",
        "reqps", (rates(f"{HTTP}_count", "http_route, http_response_status_code", "{{http_route}} {{http_response_status_code}}"),),
    ),
    Panel("How long HTTP requests take, p99", "By route.", "s", one(quantile(0.99, HTTP, by="http_route"), "{{http_route}}")),
    Panel(
        "Bytes of messages",
        "What gRPC's messages take, compressed, in each direction.",
        "Bps", (
            rates("grpc_server_call_rcvd_total_compressed_message_size_bytes_sum", "", "received"),
            rates("grpc_server_call_sent_total_compressed_message_size_bytes_sum", "", "sent"),
        ),
    ),
))  # fmt: skip

LOGINS = Row("Logins and second factor", (
    Panel(
        "Logins",
        "By status. Many UNAUTHENTICATED at once: somebody guesses, or a client is broken. RESOURCE_EXHAUSTED: rate limits, or overload.",
        "reqps", calls("grpc_code", "Login"),
    ),
    Panel("How long logins take", "From the call to its answer, with the wait for a hash and the hash.", "s", percentiles(HANDLING, LOGIN)),
    Panel("Second factor", "Verify2FA by status: OK is a login that is complete.", "reqps", calls("grpc_code", "Verify2FA")),
    Panel(
        "Changes of the second factor",
        "Codes sent again, enrolments, and factors that are switched on or off.",
        "reqps", calls(
            "grpc_method", "ResendCode", "BeginTotpEnrollment", "ConfirmTotpEnrollment", "SetTwoFactor", "RegenerateRecoveryCodes", "ResetFactors",
        ),
    ),
    Panel(
        "Accounts",
        "Registrations, verified addresses, changed and forgotten passwords, and accounts that go.",
        "reqps", calls("grpc_method", "Register", "VerifyEmail", "ChangePassword", "RequestPasswordReset", "ResetPassword", "DeleteMe"),
    ),
    Panel(
        "Tokens and sessions",
        "Tokens that are refreshed, checked, issued to services and exchanged, and sessions that end.",
        "reqps", calls(
            "grpc_method", "RefreshToken", "IntrospectToken", "IssueServiceToken", "ExchangeToken", "Logout", "Revoke.*Sessions?",
        ),
    ),
))  # fmt: skip

HASHING = Row("Hashing", (
    Panel(
        "Hashes, and what is possible",
        "Hashes done a second, beside what all lanes can do together.",
        "ops", (rates(HASHES, "", "done"), all_of(POSSIBLE, "possible")), 6,
    ),
    Panel(
        "Hashes that run and wait",
        "A queue that does not empty: logins come faster than they can be checked.",
        "short", (all_of("countersign_password_lanes_in_use", "running"), all_of("countersign_password_queue_length", "waiting")), 6,
    ),
    Panel("How long hashes wait", "For a lane.", "s", percentiles("countersign_password_wait_seconds"), 6),
    Panel(
        "Hashes refused",
        "QueueFull, Deadline, Unfair: overload. Gone: the caller went away. Memory, Broken, malformed: the log says more. late: done, but too late.",
        "ops", (
            rates("countersign_password_refusals_total", "reason", "{{reason}}"),
            rates("countersign_password_malformed_hashes_total", "", "malformed"),
            rates("countersign_password_late_hashes_total", "", "late"),
        ), 6,
    ),
))  # fmt: skip

DELIVERIES = Row("Codes, notices and events", (
    Panel(
        "The oldest message",
        "How long it has waited, by kind. The same for all replicas.",
        "s", (worst("countersign_outbox_oldest_seconds", "{{kind}}", by="kind"),),
    ),
    Panel(
        "Messages sent",
        "By kind, and those that were given up.",
        "ops", (
            rates("countersign_outbox_delivered_total", "kind", "{{kind}}"),
            rates("countersign_outbox_failed_total", "kind", "{{kind}}, given up"),
        ),
    ),
    Panel(
        "Messages that wait, and trouble",
        "Messages not sent yet, up to 10,000. A cause of trouble is 1 while messages do not get through because of it.",
        "short", (
            worst("countersign_outbox_waiting", "waiting"),
            worst("countersign_outbox_trouble", "trouble: {{cause}}", by="cause"),
        ),
    ),
    Panel(
        "Tries that failed",
        "By cause. refused: for good. recipient: the recipient's server may take it later. away, setup: the server that takes all mails.",
        "ops", (rates("countersign_outbox_tries_failed_total", "cause", "{{cause}}"),),
    ),
    Panel(
        "Deliveries of events",
        "To webhooks, a second, by outcome; and how many subscriptions fail now.",
        "short", (
            rates("countersign_event_deliveries_total", "outcome", "{{outcome}}"),
            worst("countersign_subscriptions_failing", "subscriptions that fail"),
        ),
    ),
    Panel(
        "Events behind",
        "The age of the oldest event that no stream and no webhook can tell yet.",
        "s", (worst("countersign_events_lag_seconds", "behind"),),
    ),
))  # fmt: skip

VERDICTS = Row("Revocations and authorisation", (
    Panel(
        "Revocations behind",
        "How long ago each replica last read the log of revocations. While this is high, ended sessions may still count.",
        "s", one(series(LAG), "{{instance}}"), 6,
    ),
    Panel(
        "Streams",
        "Services that follow revocations and events.",
        "short", (all_of("countersign_revocation_streams", "revocations"), all_of("countersign_event_streams", "events")), 6,
    ),
    Panel(
        "Authorisation checks",
        "What Envoy asked, by decision and reason; and 1 while the file of rules is refused as malformed.",
        "reqps", (
            rates("countersign_authz_checks_total", "decision, reason", "{{decision}}: {{reason}}"),
            worst("countersign_authz_rules_refused", "rules refused"),
        ), 6,
    ),
    Panel(
        "How long checks of tokens take",
        "For Envoy (Check) and for services (IntrospectToken).",
        "s", tuple(Query(quantile(q, HANDLING, CHECKS, by="grpc_method"), f"{METHOD} p{100 * q:.0f}") for q in (0.5, 0.99)), 6,
    ),
))  # fmt: skip

DATABASE = Row("Database", (
    Panel(
        "Connections",
        "Of all replicas together. Operations wait where all are open and none is idle.",
        "short", one(per("state", series("countersign_database_connections")), "{{state}}"), 6,
    ),
    Panel("How long a connection takes", "From asking the pool to having one.", "s", percentiles("countersign_database_wait_seconds"), 6),
    Panel(
        "Operations",
        "By result. unavailable: the database is away. error: a defect.",
        "ops", (rates(f"{STORE}_count", "result", "{{result}}"),), 6,
    ),
    Panel(
        "The slowest operations, p99",
        "The eight slowest, by the name of the store's method.",
        "s", one(f"topk(8, {quantile(0.99, STORE, by='operation')})", "{{operation}}"), 6,
    ),
))  # fmt: skip

KEYS = Row("Keys, certificates, connections", (
    Panel(
        "Age of the signing key",
        "The next one is made after COUNTERSIGN_KEY_ROTATION, 90 days by default.",
        "s", (worst("countersign_signing_key_age_seconds", "age"),), 6,
    ),
    Panel(
        "Certificates expire in",
        "What is left of the certificates in force, by listener. Without TLS of its own there are none.",
        "s", one(f"min by (listener) ({series('countersign_tls_certificate_expires_in_seconds')})", "{{listener}}"), 6,
    ),
    Panel(
        "TLS handshakes",
        "By result; and 1 while the certificate files of a listener are refused.",
        "ops", (
            rates("countersign_tls_handshakes_total", "listener, result", "{{listener}} {{result}}"),
            worst("countersign_tls_files_refused", "{{listener}}: files refused", by="listener"),
        ), 6,
    ),
    Panel(
        "Connections and requests refused",
        "Connections over their source's share, and requests that HTTP/2 refused before they were calls.",
        "ops", (
            rates("countersign_connections_refused_total", "listener", "{{listener}}"),
            rates("countersign_grpc_malformed_requests_total", "", "malformed"),
        ), 6,
    ),
))  # fmt: skip

REPLICAS = Row("Replicas", (
    Panel("Versions", "Each replica and its release.", "short", one(series("countersign_build_info"), "{{instance}}"), 12, "table"),
    Panel(
        "Ready, by service",
        "1 where a replica can do what this service is for.",
        "short", one(f"min by (instance, service) ({series(READY)})", "{{instance}} {{service}}"), 12,
    ),
))  # fmt: skip

ROWS = (GLANCE, CALLS, LOGINS, HASHING, DELIVERIES, VERDICTS, DATABASE, KEYS, REPLICAS)
