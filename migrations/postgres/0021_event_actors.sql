-- Who did it: nobody, operator, user:<id> or service:<id>. Empty in rows of an earlier release, which goes on adding such rows during a
-- roll-out. Like user_id it stays when the account is deleted, until the event's time is over.
ALTER TABLE events ADD COLUMN actor TEXT;
