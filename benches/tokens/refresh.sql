-- One refresh, as the service does it: find the session, then move it on and return it with its user.
SELECT sessions.id AS session_id, sessions.user_id, audience, device_name, amr, sessions.created_at AS begun_at, expires_at,
  last_used_at, address, idle_expires_at, generation, refresh_salt, refresh_request_id, epoch
FROM sessions WHERE id = ('00000000-0000-0000-0000-' || lpad(:client_id::text, 12, '0'))::uuid AND refresh_salt IS NOT NULL \gset
UPDATE sessions SET generation = generation + 1, refresh_request_id = NULL, last_used_at = now(), address = '127.0.0.1',
  idle_expires_at = now() + interval '14 days',
  expires_at = CASE WHEN sessions.created_at > now() + interval '2 minutes' AND expires_at > now() THEN now() ELSE expires_at END
FROM users WHERE sessions.id = ('00000000-0000-0000-0000-' || lpad(:client_id::text, 12, '0'))::uuid AND generation = :generation::bigint
  AND revoked_at IS NULL AND expires_at > now() AND (idle_expires_at IS NULL OR idle_expires_at > now())
  AND users.id = sessions.user_id AND users.credential_version = sessions.credential_version AND users.disabled_at IS NULL
  AND users.session_epoch = sessions.epoch
  AND (NOT users.is_2fa_enabled OR ' ' || sessions.amr || ' ' LIKE '% mfa %')
RETURNING users.id, users.username, users.username_key, users.email, users.email_verified, users.password_hash,
  users.credential_version, users.is_2fa_enabled, users.roles, users.claims, users.request_id, users.disabled_at, users.created_at,
  sessions.id AS session_id, sessions.user_id, audience, device_name, amr, sessions.created_at AS begun_at,
  expires_at, last_used_at, address, idle_expires_at, generation, refresh_salt, refresh_request_id, epoch;
