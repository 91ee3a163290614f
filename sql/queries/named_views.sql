-- name: definition
-- The text of a view that shows every column of an entity but the hash-keyed one, and each custom
-- field under its human name, options by label. Two fields of one name share a column when they
-- belong to different workspaces (a row only has keys of its own); otherwise the later ones carry
-- the first digits of their code, as does a field whose name a column of the table has.
WITH fields AS (
    SELECT f.id, f.field_type, h.human,
           row_number() OVER (PARTITION BY f.workspace_id, h.human ORDER BY f.id) AS nth,
           EXISTS (SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = to_regclass(%(entity)s::text) AND a.attnum > 0
                      AND a.attname = h.human) AS taken
      FROM {fields} AS f
           -- At most 50 bytes of whole characters: 13 more are for the code.
     CROSS JOIN LATERAL (
           SELECT substr((repeat(' ', 13) || f.field_name)::name::text, 14) AS human) AS h
     WHERE f.is_custom_field AND f._deleted_at IS NULL
), expressions AS (
    SELECT id,
           CASE WHEN nth > 1 OR taken THEN human || ' (' || left(id, 8) || ')'
                ELSE human END AS name,
           CASE WHEN field_type IN ('enum', 'set') THEN format(
               '(SELECT string_agg(coalesce(x.o ->> ''label'', h.value), '', '' ORDER BY h.nr)'
               '   FROM jsonb_array_elements_text('
               '            CASE jsonb_typeof(e.custom_fields -> %%1$L)'
               '            WHEN ''array'' THEN e.custom_fields -> %%1$L'
               '            WHEN ''null'' THEN NULL'
               '            ELSE jsonb_build_array(e.custom_fields -> %%1$L) END)'
               '        WITH ORDINALITY AS h (value, nr)'
               '   LEFT JOIN (SELECT jsonb_array_elements(f.options) AS o FROM %%2$s AS f'
               '               WHERE f.workspace_id = e.workspace_id AND f.id = %%1$L'
               '                 AND jsonb_typeof(f.options) = ''array'') AS x'
               '     ON x.o ->> ''id'' = h.value'
               '  WHERE e.custom_fields -> %%1$L IS NOT NULL)',
               id, %(fields_table)s::text)
           ELSE format('coalesce(e.custom_fields -> %%1$L ->> ''value'','
                       ' e.custom_fields ->> %%1$L)', id)
           END AS expression
      FROM fields
), merged AS (
    SELECT name,
           CASE WHEN count(*) = 1 THEN min(expression)
                ELSE 'coalesce(' || string_agg(expression, ', ' ORDER BY id) || ')'
           END AS expression
      FROM expressions GROUP BY name
)
SELECT 'SELECT '
       || (SELECT string_agg(format('e.%%I', attname), ', ' ORDER BY attnum)
             FROM pg_attribute
            WHERE attrelid = to_regclass(%(entity)s::text) AND attnum > 0
              AND NOT attisdropped AND attname NOT IN ('custom_fields', '_digest'))
       || coalesce((SELECT string_agg(format(', %%s AS %%I', expression, name), '' ORDER BY name)
                      FROM merged), '')
       || ' FROM ' || %(entity)s::text || ' AS e' AS body;
