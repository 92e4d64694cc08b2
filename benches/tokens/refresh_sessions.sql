-- A session for each client of pgbench, under an id that is its number; spread over the users that there are.
INSERT INTO sessions (id, user_id, credential_version, audience, device_name, amr, created_at, expires_at, last_used_at,
  idle_expires_at, generation, refresh_salt, epoch)
SELECT ('00000000-0000-0000-0000-' || lpad(number::text, 12, '0'))::uuid, id, credential_version, 'countersign', '', 'pwd otp mfa',
  now(), now() + interval '30 days', now(), now() + interval '14 days', 0, decode(repeat('07', 16), 'hex'), session_epoch
FROM (SELECT users.*, row_number() OVER (ORDER BY id) - 1 AS number FROM users) AS numbered
