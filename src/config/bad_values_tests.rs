//! Each bad value is a problem of its own.

use super::{
    password_settings as hashing, settings as name,
    tests::{names, parse},
    *,
};

#[test]
fn each_bad_value_is_a_problem_of_its_own() {
    let bad = [
        (name::DATABASE_URL.name, "mysql://x"),
        (name::DATABASE_CONNECTIONS.name, "0"),
        (name::MIGRATE.name, "maybe"),
        (name::MIGRATE_URL.name, "postgres://u:p@h/a?made_up=1"),
        (name::FSYNC_OFF_AT.name, "db:5432"),
        (name::GRPC_ADDR.name, "50051"),
        (name::HTTP_ADDR.name, "localhost"),
        (name::HTTP_RPCS.name, "yes"),
        (name::DEBUG_ADDR.name, "0.0.0.0:6060"),
        (name::TRUSTED_PROXIES.name, "10.0.0.0/33"),
        (name::FORWARDED_HEADER.name, "x-real-ip"),
        (name::REFLECTION.name, "yes"),
        (name::DOCS.name, "1"),
        (name::CORS_ORIGINS.name, "app.example.com"),
        (name::STREAM_AGE.name, "25h"),
        (name::ERROR_DOMAIN.name, "auth"),
        (name::SERVER_HEADER.name, "nginx"),
        (name::DRAIN_DELAY.name, "5"),
        (name::MASTER_KEY.name, "!"),
        (name::MASTER_KEY_OLD.name, "!"),
        (name::DELIVERY.name, "pigeon"),
        (token_settings::JWT_ALGORITHM.name, "none"),
        (token_settings::KEY_ROTATION.name, "11years"),
        (token_settings::KEY_LEAD.name, "8d"),
        (token_settings::ISSUER.name, "localhost"),
        (token_settings::ACCESS_TOKEN_TTL.name, "25h"),
        (name::TOKEN_ISSUERS.name, "oidc.example.com"),
        (name::FETCH_PRIVATE.name, "10.0.0.0/33"),
        (name::FETCH_CA.name, "/nowhere"),
        (token_settings::AUDIENCE.name, "a,,b"),
        (hashing::PASSWORD_MIN_LENGTH.name, "7"),
        (account_settings::OTP_TTL.name, "11m"),
        (account_settings::OTP_MAX_ATTEMPTS.name, "11"),
        (account_settings::EMAIL_VERIFICATION.name, "yes"),
        (account_settings::REGISTER_QUIETLY.name, "yes"),
        (account_settings::UNVERIFIED_TTL.name, "2years"),
        (account_settings::EMAIL_LOGIN.name, "yes"),
        (account_settings::TOTP_ISSUER.name, "Example: login"),
        (token_settings::SESSIONS_PER_USER.name, "1001"),
        (name::ADDRESS_RATE.name, "-1"),
        (name::SOURCE_FAILURES.name, "1000001"),
        (name::SERVICE_FAILURES.name, "many"),
        (account_settings::NEW_DEVICE_NOTICE.name, "yes"),
        (account_settings::TRUSTED_DEVICE_TTL.name, "366d"),
        (account_settings::EVENT_RETENTION.name, "11years"),
        (hashing::BCRYPT_COST.name, "17"),
        (hashing::HASH_QUEUE.name, "-1"),
        (hashing::HASH_KERNEL.name, "gpu"),
        (hashing::HASH_LANES.name, "7"),
        (hashing::HASH_MEMORY.name, "1TiB"),
        (name::LOG.name, "countersign=loud"),
        (name::LOG_FORMAT.name, "xml"),
    ];
    assert_eq!(names(&bad), bad.map(|(name, _)| name));
}

/// Otherwise nobody would ever become a user.
#[test]
fn registering_quietly_needs_codes_to_the_address() {
    let (quietly, verify) =
        (account_settings::REGISTER_QUIETLY, account_settings::EMAIL_VERIFICATION);
    assert_eq!(names(&[(quietly.name, "on")]), [quietly.name]);
    assert!(parse(&[(quietly.name, "on"), (verify.name, "on")]).is_ok());
}

#[test]
fn durations_may_be_too_short() {
    for (name, too_short) in [
        (name::STREAM_AGE.name, "59s"),
        (token_settings::ACCESS_TOKEN_TTL.name, "999ms"),
        (token_settings::KEY_ROTATION.name, "59m"),
        (token_settings::KEY_LEAD.name, "299s"),
        (account_settings::UNVERIFIED_TTL.name, "59m"),
        (account_settings::EVENT_RETENTION.name, "23h"),
    ] {
        assert_eq!(names(&[(name, too_short)]), [name]);
    }
}
