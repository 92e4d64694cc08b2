-- Sessions of all users, in the order of time, each of another user than the one before. Takes :sessions and :users.
SET work_mem = '1GB';
SET max_parallel_workers_per_gather = 0;
CREATE TEMPORARY TABLE numbered AS SELECT row_number() OVER (ORDER BY id) - 1 AS number, id FROM users;
ANALYZE numbered;
INSERT INTO sessions (id, user_id, credential_version, audience, device_name, amr, created_at, expires_at, last_used_at,
  idle_expires_at, generation, refresh_salt, epoch)
-- UUIDv7: the milliseconds, the version, random bits.
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
    || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
  numbered.id, 1, 'countersign', '', 'pwd', at, at + interval '30 days', at, at + interval '14 days', 0,
  decode(md5(n::text), 'hex'), 0
FROM (SELECT n, now() - interval '10 days' * (1 - n::float / :sessions) AS at
    FROM generate_series(0, :sessions - 1) AS serial(n)) AS begun
-- A prime factor: every user has as many.
JOIN numbered ON numbered.number = n::bigint * 2654435761 % :users;
