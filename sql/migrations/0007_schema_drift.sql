-- Members of records that no column of their own shows, as the last sync saw them: those of
-- custom-field columns by column, those that no column is declared for under "".
ALTER TABLE sync.stream_fields ADD COLUMN keys jsonb NOT NULL DEFAULT '{}';
