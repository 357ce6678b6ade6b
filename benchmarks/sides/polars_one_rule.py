"""The one rule as a lazy Polars query. Argument: the evidence folder."""

import json
import sys

import polars as pl

folder = sys.argv[1]
exempt = pl.scan_parquet(f"{folder}/exemptions.parquet").with_columns(exempt=pl.lit(True))
ok = (pl.col("key_bits") >= 256) | pl.col("exempt").fill_null(False)
judged = (
    pl.scan_parquet(f"{folder}/records.parquet")
    .select("record_id", "key_bits")
    .join(exempt, on="record_id", how="left")
    .select("record_id", ok=ok)
)
counted = judged.group_by("ok").len()
failing = judged.filter(~pl.col("ok")).select(pl.col("record_id").bottom_k(1000))
count, names = pl.collect_all([counted, failing])
number = dict(count.iter_rows())
result = {"pass": number.get(True, 0), "fail": number.get(False, 0), "unknown": number.get(None, 0)}
print(json.dumps(result | {"failing": names["record_id"].to_list()}))
