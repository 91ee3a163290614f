-- Labels of the options an enum or set field holds, in the order they are held; null for none.
-- ``source`` is the mirror table of the fields; the views over custom fields call this.
CREATE FUNCTION sync.option_labels(source regclass, field text, workspace text, held jsonb)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    labels text;
BEGIN
    IF held IS NULL OR held IN ('null', '[null]') THEN
        RETURN NULL;
    END IF;
    EXECUTE format(
        'SELECT string_agg(coalesce(o.option ->> ''label'', h.value), '', '' ORDER BY h.ordinality)
           FROM jsonb_array_elements_text($3) WITH ORDINALITY AS h
           LEFT JOIN (SELECT jsonb_array_elements(options) AS option FROM %s
                       WHERE id = $1 AND workspace_id = $2) AS o ON o.option ->> ''id'' = h.value',
        source) INTO labels USING field, workspace, held;
    RETURN labels;
END $$;
