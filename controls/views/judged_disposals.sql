-- base: disposals
-- not null: disposal_id, medium, method
-- One row a disposal: whether its method suits its medium. Deleting names and formatting leave the data
-- where it was; blacking out is no destruction; a magnet does nothing to flash. What is handed back to the
-- client leaves with its medium.
SELECT
  d.*,
  CASE
    WHEN d.method = 'unknown' THEN NULL
    WHEN d.method = 'return_to_client' THEN TRUE
    WHEN d.method IN ('logical_delete', 'recycle_unshredded', 'redaction', 'strip_cut_shred') THEN FALSE
    WHEN d.method IN ('pulverize', 'incinerate') AND d.medium <> 'cloud_logical' THEN TRUE
    WHEN d.medium = 'unknown' THEN NULL
    WHEN d.medium = 'paper' THEN d.method IN ('cross_cut_shred', 'pulp')
    WHEN d.method = 'degauss' THEN d.medium IN ('magnetic', 'tape')
    WHEN d.medium = 'cloud_logical' THEN d.method IN ('clear', 'purge', 'cryptographic_erase', 'overwrite')
    ELSE d.method IN ('clear', 'purge', 'cryptographic_erase', 'overwrite', 'destroy_shred')
  END AS method_suits
FROM disposals d
