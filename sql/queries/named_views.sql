-- name: definition
-- The text of a view that shows every column of an entity but the hash-keyed one, and each custom
-- field under its human name, options by label. Two fields of one name share a column when they
-- belong to different workspaces (a row only has keys of its own), else the later ones carry
-- their code. A name that a column already has carries its code, too.
WITH fields AS (
    SELECT f.*, left(f.field_name, 50) AS human,
           row_number() OVER (PARTITION BY f.workspace_id, left(f.field_name, 50) ORDER BY f.id) AS nth,
           EXISTS (SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = to_regclass(%(entity)s) AND a.attname = left(f.field_name, 50)) AS taken
      FROM {fields} AS f
     WHERE f.is_custom_field AND f._deleted_at IS NULL
), columns AS (
    SELECT CASE WHEN nth > 1 OR taken THEN human || ' (' || left(id, 8) || ')' ELSE human END AS name,
           CASE field_type
               WHEN 'enum' THEN format(
                   'sync.option_labels(%%L, %%L, e.workspace_id, to_jsonb(ARRAY[e.custom_fields -> %%L]))',
                   %(fields_table)s, id, id)
               WHEN 'set' THEN format(
                   'sync.option_labels(%%L, %%L, e.workspace_id, e.custom_fields -> %%L)',
                   %(fields_table)s, id, id)
               ELSE format('coalesce(e.custom_fields -> %%L ->> ''value'', e.custom_fields ->> %%L)', id, id)
           END AS expression, id
      FROM fields
), merged AS (
    SELECT name, CASE WHEN count(*) = 1 THEN min(expression)
                      ELSE 'coalesce(' || string_agg(expression, ', ' ORDER BY id) || ')' END AS expression
      FROM columns GROUP BY name
)
SELECT 'SELECT ' || (SELECT string_agg(format('e.%%I', attname), ', ' ORDER BY attnum)
                       FROM pg_attribute
                      WHERE attrelid = to_regclass(%(entity)s) AND attnum > 0 AND NOT attisdropped
                        AND attname <> 'custom_fields')
       || coalesce((SELECT string_agg(format(', %%s AS %%I', expression, name), '' ORDER BY name) FROM merged), '')
       || format(' FROM %%s AS e', %(entity)s) AS body;
