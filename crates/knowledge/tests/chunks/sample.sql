-- People who may log in.
CREATE TABLE account (
    id BIGINT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created TIMESTAMP NOT NULL DEFAULT now(),
    last_seen TIMESTAMP,
    is_admin BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE INDEX account_email ON account (email);

-- Who was here in the last week.
CREATE VIEW active_account AS
SELECT id, email
FROM account
WHERE last_seen > now() - INTERVAL '7 days'
ORDER BY last_seen DESC;
