-- name: views
-- Views that are built on a relation, or on each other, the lowest first, with all it takes to
-- make them anew; the relation itself, if it is a view, has depth 0. `plain` is false for what cannot simply be made anew (a materialized view).
WITH RECURSIVE built (oid, depth) AS (
    SELECT to_regclass(%(relation)s)::oid, 0
     UNION
    SELECT r.ev_class, b.depth + 1
      FROM built AS b
      JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = b.oid
       AND d.classid = 'pg_rewrite'::regclass
      JOIN pg_rewrite AS r ON r.oid = d.objid
     WHERE r.ev_class <> b.oid
)
SELECT c.oid, format('%%I.%%I', n.nspname, c.relname) AS name, max(b.depth) AS depth,
       c.relkind = 'v' AS plain,
       pg_get_viewdef(c.oid) AS body,
       array_to_string(c.reloptions, ', ') AS options,
       pg_get_userbyid(c.relowner) AS owner,
       obj_description(c.oid, 'pg_class') AS comment,
       (SELECT jsonb_object_agg(a.attname, col_description(c.oid, a.attnum))
          FROM pg_attribute AS a
         WHERE a.attrelid = c.oid AND a.attnum > 0
           AND col_description(c.oid, a.attnum) IS NOT NULL) AS column_comments,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                            'to', CASE g.grantee WHEN 0 THEN NULL
                                  ELSE pg_get_userbyid(g.grantee) END,
                            'what', g.privilege_type, 'on', g.attname,
                            'further', g.is_grantable))
                   FROM (SELECT x.*, NULL::name AS attname FROM aclexplode(c.relacl) AS x
                          UNION ALL
                         SELECT x.*, a.attname FROM pg_attribute AS a
                          CROSS JOIN LATERAL aclexplode(a.attacl) AS x
                          WHERE a.attrelid = c.oid) AS g
                  WHERE g.grantee <> c.relowner), '[]') AS grants,
       EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid)
       OR EXISTS (SELECT FROM pg_rewrite AS r
                   WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN') AS attached
  FROM built AS b
  JOIN pg_class AS c ON c.oid = b.oid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind <> 'r'
 GROUP BY c.oid, n.nspname, c.relname, c.relkind, c.reloptions, c.relowner, c.relacl
 ORDER BY max(b.depth), c.oid;
