-- Priorities in the ledger, turns in the burst windows, circuit breakers, the place of a paused run.

-- What each priority has spent, the first first; what is missing to `spent` others have spent.
ALTER TABLE sync.budgets ADD COLUMN by_priority bigint[] NOT NULL DEFAULT '{0,0,0,0}';

ALTER TABLE sync.token_usage ADD COLUMN priority text NOT NULL DEFAULT 'delta';
ALTER TABLE sync.token_usage DROP CONSTRAINT token_usage_pkey;
ALTER TABLE sync.token_usage ADD PRIMARY KEY (workspace_id, crm, stream, day, priority);

-- The window's size as the CRM told it, and when an interactive call was last made.
ALTER TABLE sync.bursts ADD COLUMN observed_requests integer;
ALTER TABLE sync.bursts ADD COLUMN hurried_at timestamptz;

-- Who waits for a place in a burst window. A ticket that is not looked at again in time is dead.
CREATE TABLE sync.turns (
    workspace_id    text NOT NULL,
    crm             text NOT NULL,
    kind            text NOT NULL,
    ticket          text NOT NULL,
    place_at        timestamptz NOT NULL,
    looks_again_at  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, crm, kind, ticket)
);

-- One row while something is wrong with a CRM; a good answer removes it.
CREATE TABLE sync.breakers (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    failures      integer NOT NULL,
    reason        text NOT NULL,
    failed_at     timestamptz NOT NULL,
    openings      integer NOT NULL DEFAULT 0,
    open_until    timestamptz,
    probe         text,
    probe_until   timestamptz,
    PRIMARY KEY (workspace_id, crm)
);

-- Fetches that stopped because the budget is spent: what they were reading, and when to go on.
CREATE TABLE sync.pauses (
    key           text PRIMARY KEY,
    root          text NOT NULL,
    run_id        text NOT NULL,
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    stream        text NOT NULL,
    options       jsonb NOT NULL,
    slice         jsonb NOT NULL,
    resumes_at    timestamptz NOT NULL,
    paused_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Whether a circuit lets somebody through; past its time one caller is let through to try.
CREATE FUNCTION sync.pass_breaker(
    _workspace text, _crm text, _who text, _probe_seconds float8,
    OUT passes boolean, OUT failures integer, OUT open_until timestamptz, OUT reason text
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT b.failures, b.open_until, b.reason INTO failures, open_until, reason
      FROM sync.breakers AS b WHERE b.workspace_id = _workspace AND b.crm = _crm;
    failures := coalesce(failures, 0);
    passes := true;
    IF open_until IS NOT NULL THEN
        UPDATE sync.breakers AS b
           SET probe = _who,
               probe_until = clock_timestamp() + make_interval(secs => _probe_seconds)
         WHERE b.workspace_id = _workspace AND b.crm = _crm
           AND b.open_until <= clock_timestamp()
           AND (b.probe = _who OR coalesce(b.probe_until, '-infinity') <= clock_timestamp());
        passes := FOUND;
        open_until := greatest(open_until, clock_timestamp());
    END IF;
END $$;

-- The account's row of the day, locked. A rolling quota carries over what the last row knew, as
-- spent by nobody in particular.
CREATE FUNCTION sync.budget_of_day(
    _workspace text, _crm text, _day date, _now timestamptz, _rolling boolean
) RETURNS sync.budgets LANGUAGE plpgsql AS $$
DECLARE
    found_row sync.budgets;
BEGIN
    LOOP
        SELECT * INTO found_row FROM sync.budgets AS b
         WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.day = _day FOR UPDATE;
        IF FOUND THEN
            RETURN found_row;
        END IF;
        INSERT INTO sync.budgets (workspace_id, crm, day, spent, updated_at)
        SELECT _workspace, _crm, _day,
               coalesce((SELECT b.spent FROM sync.budgets AS b
                          WHERE _rolling AND b.workspace_id = _workspace AND b.crm = _crm
                            AND b.updated_at > _now - interval '24 hours'
                          ORDER BY b.day DESC LIMIT 1), 0), _now
        ON CONFLICT DO NOTHING;
    END LOOP;
END $$;

-- Seconds until a caller may go in one burst window, 0 for now. `_requests` fit into `_seconds`;
-- those with an earlier place go first; `_headroom` is left free for interactive calls.
CREATE FUNCTION sync.wait_for_turn(
    _workspace text, _crm text, _kind text, _ticket text, _rank integer, _patience float8,
    _requests integer, _seconds float8, _headroom float8, _grace_seconds float8
) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    win sync.bursts;
    moment timestamptz;
    place timestamptz;
    recent timestamptz[];
    size integer;
    ahead integer;
    needed integer;
    wait float8;
BEGIN
    INSERT INTO sync.bursts (workspace_id, crm, kind, slots)
    VALUES (_workspace, _crm, _kind, '{}') ON CONFLICT DO NOTHING;
    SELECT * INTO win FROM sync.bursts AS b
     WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.kind = _kind FOR UPDATE;
    moment := clock_timestamp();
    size := greatest(1, coalesce(win.observed_requests, _requests));
    IF _rank > 1 AND win.hurried_at > moment - interval '1 minute' THEN
        size := greatest(1, size - ceil(size * _headroom)::integer);
    END IF;
    DELETE FROM sync.turns AS t
     WHERE t.workspace_id = _workspace AND t.crm = _crm AND t.kind = _kind
       AND t.ticket <> _ticket AND t.looks_again_at < moment - make_interval(secs => _grace_seconds);
    SELECT t.place_at INTO place FROM sync.turns AS t
     WHERE t.workspace_id = _workspace AND t.crm = _crm AND t.kind = _kind AND t.ticket = _ticket;
    place := coalesce(place, moment + make_interval(secs => _patience));
    SELECT count(*) INTO ahead FROM sync.turns AS t
     WHERE t.workspace_id = _workspace AND t.crm = _crm AND t.kind = _kind
       AND (t.place_at, t.ticket) < (place, _ticket);
    recent := ARRAY(SELECT s FROM unnest(win.slots) AS s
                     WHERE s > moment - make_interval(secs => _seconds) ORDER BY s);
    needed := cardinality(recent) + ahead + 1 - size;
    IF needed <= 0 THEN
        RETURN 0;
    END IF;
    -- the place that comes free for this caller, and whole windows on top for a long queue
    wait := _seconds * ((needed - 1) / size)
            + greatest(0.001, coalesce(extract(epoch FROM
                recent[(needed - 1) % size + 1] + make_interval(secs => _seconds) - moment),
                _seconds));
    wait := least(wait, 5);  -- the longest nap, so that the ticket of a dead process is found out
    INSERT INTO sync.turns VALUES (_workspace, _crm, _kind, _ticket, place,
                                   moment + make_interval(secs => wait))
    ON CONFLICT (workspace_id, crm, kind, ticket) DO UPDATE
       SET looks_again_at = excluded.looks_again_at;
    RETURN wait;
END $$;

-- Takes the turn that wait_for_turn said is free.
CREATE FUNCTION sync.take_turn(
    _workspace text, _crm text, _kind text, _ticket text, _rank integer, _seconds float8,
    moment timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sync.bursts AS b
       SET slots = ARRAY(SELECT s FROM unnest(b.slots) AS s
                          WHERE s > moment - make_interval(secs => _seconds) ORDER BY s) || moment,
           hurried_at = CASE WHEN _rank = 1 THEN moment ELSE b.hurried_at END
     WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.kind = _kind;
    DELETE FROM sync.turns AS t
     WHERE t.workspace_id = _workspace AND t.crm = _crm AND t.kind = _kind AND t.ticket = _ticket;
END $$;

-- Pays for one call and takes its turn, or says why not, in one atomic step. `_now` is the clock
-- that days are counted by; burst windows and breakers always follow the database's own.
CREATE FUNCTION sync.spend(
    _workspace text, _crm text, _stream text, _ticket text,
    _priority text, _rank integer, _patience float8, _cost bigint,
    _daily bigint, _share numeric, _kept numeric[], _rolling boolean, _zone text, _now timestamptz,
    _kinds text[], _requests integer[], _seconds float8[],
    _headroom float8, _grace_seconds float8, _probe_seconds float8,
    OUT verdict text, OUT wait float8, OUT until timestamptz,
    OUT failures integer, OUT reason text, OUT day date, OUT slot timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    today sync.budgets;
    refused_until timestamptz;
    allowed bigint;
    kept bigint := 0;
    midnight timestamptz;
    passed boolean;
BEGIN
    SELECT p.passes, p.failures, p.open_until, p.reason INTO passed, failures, until, reason
      FROM sync.pass_breaker(_workspace, _crm, _ticket, _probe_seconds) AS p;
    IF NOT passed THEN
        verdict := 'open';
        RETURN;
    END IF;
    day := (_now AT TIME ZONE _zone)::date;
    midnight := (day + 1)::timestamp AT TIME ZONE _zone;
    SELECT max(b.exhausted_until) INTO refused_until FROM sync.budgets AS b
     WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.exhausted_until > _now;
    IF refused_until IS NOT NULL THEN
        verdict := 'spent';
        until := refused_until;
        RETURN;
    END IF;
    today := sync.budget_of_day(_workspace, _crm, day, _now, _rolling);
    IF today.exhausted_until <= _now AND NOT _rolling THEN
        -- The CRM said when its own day begins anew, in the middle of ours.
        UPDATE sync.budgets AS b
           SET spent = 0, by_priority = '{0,0,0,0}', exhausted_until = NULL
         WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.day = today.day
        RETURNING b.* INTO today;
    END IF;
    allowed := floor(coalesce(today.observed_limit, _daily) * _share);
    FOR i IN 1 .. cardinality(_kept) LOOP
        kept := kept + greatest(0, floor(_kept[i] * allowed)::bigint
                                   - coalesce(today.by_priority[i], 0));
    END LOOP;
    IF today.spent + _cost + kept > allowed THEN
        verdict := 'spent';
        until := midnight;
        -- What others spent is known from headers only: look again after an hour without any.
        IF (SELECT sum(p) FROM unnest(today.by_priority) AS p) + _cost + kept <= allowed THEN
            until := least(midnight, today.updated_at + interval '1 hour');
        END IF;
        IF until > _now THEN
            RETURN;
        END IF;
    END IF;
    wait := 0;
    FOR i IN 1 .. cardinality(_kinds) LOOP
        wait := greatest(wait, sync.wait_for_turn(
            _workspace, _crm, _kinds[i], _ticket, _rank, _patience, _requests[i], _seconds[i],
            _headroom, _grace_seconds));
    END LOOP;
    IF wait > 0 THEN
        verdict := 'wait';
        RETURN;
    END IF;
    slot := clock_timestamp();
    FOR i IN 1 .. cardinality(_kinds) LOOP
        PERFORM sync.take_turn(_workspace, _crm, _kinds[i], _ticket, _rank, _seconds[i], slot);
    END LOOP;
    UPDATE sync.budgets AS b
       SET spent = b.spent + _cost, updated_at = _now,
           by_priority[_rank] = coalesce(b.by_priority[_rank], 0) + _cost
     WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.day = today.day;
    INSERT INTO sync.token_usage AS u (workspace_id, crm, stream, day, priority, tokens, calls)
    VALUES (_workspace, _crm, _stream, today.day, _priority, _cost, 1)
    ON CONFLICT (workspace_id, crm, stream, day, priority) DO UPDATE
       SET tokens = u.tokens + excluded.tokens, calls = u.calls + 1;
    verdict := 'go';
END $$;

-- Corrects the ledger by what an answer's headers say; others may spend from the same account.
-- The row is that of the day on which the call was paid: an answer about the old day says nothing
-- of the new one. Answers of concurrent calls arrive out of order, so a smaller figure counts only
-- when it is smaller by more than `_slack`: then the CRM has begun a new day, or forgot old calls.
-- A call that was `_late` seconds slower than others may have arrived so much later: its turn is
-- moved, or a call of the next window would come too early.
CREATE FUNCTION sync.learn(
    _workspace text, _crm text, _day date, _now timestamptz, _configured bigint,
    _limit bigint, _left bigint, _slack bigint, _rolling boolean, _kind text, _requests integer, _seconds float8,
    _burst integer, _burst_left integer, _slot timestamptz, _late float8
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    today sync.budgets;
    win sync.bursts;
    used bigint;
    strangers integer;
    moment timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO today FROM sync.budgets AS b
     WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.day = _day;
    used := coalesce(_limit, today.observed_limit, _configured) - _left;
    IF today.observed_limit IS DISTINCT FROM coalesce(_limit, today.observed_limit)
       OR used > today.spent OR used < today.spent - _slack THEN
        UPDATE sync.budgets AS b
           SET observed_limit = coalesce(_limit, b.observed_limit), updated_at = _now,
               by_priority = CASE WHEN used < b.spent - _slack AND NOT _rolling THEN '{0,0,0,0}'
                                  ELSE b.by_priority END,
               spent = CASE WHEN used > b.spent OR used < b.spent - _slack THEN used
                            ELSE b.spent END
         WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.day = _day;
    END IF;
    IF _late > 0.02 THEN
        UPDATE sync.bursts AS b
           SET slots = array_replace(b.slots, _slot, _slot + make_interval(secs => _late))
         WHERE b.workspace_id = _workspace AND b.crm = _crm AND _slot = ANY (b.slots);
    END IF;
    IF _burst IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO win FROM sync.bursts AS b
     WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.kind = _kind;
    SELECT _burst - _burst_left - count(*) INTO strangers FROM unnest(win.slots) AS s
     WHERE s > moment - make_interval(secs => _seconds);
    IF win.observed_requests IS DISTINCT FROM _burst OR strangers > 1 THEN
        UPDATE sync.bursts AS b
           SET observed_requests = _burst,
               slots = b.slots || array_fill(moment, ARRAY[greatest(0, coalesce(strangers, 0))])
         WHERE b.workspace_id = _workspace AND b.crm = _crm AND b.kind = _kind;
    END IF;
END $$;
