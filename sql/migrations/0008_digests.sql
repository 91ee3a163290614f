-- What a mirror's trigger does when somebody changes a row by hand: the digest of the record it
-- was written from says nothing about it any more, so that the next full sync looks at it closely.
CREATE FUNCTION sync.forget_digest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new._digest := NULL;
    RETURN new;
END
$$;
