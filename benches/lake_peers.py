"""The work of `cargo bench --bench lake` done with pandas, polars and DuckDB: `lake_peers.py FOLDER [PEER…]`.

FOLDER is what was given to the benchmark as `--keep`. Each peer runs in a process of its own, for CSV and for Parquet,
three times; the median is printed with CPU seconds and peak memory. On first use it makes a virtual environment in
FOLDER. The same work for all: for each hour read every file, keep rows of exactly 53 fields, drop rows with an
unwanted word, keep 24 columns and the file's name, rewrite the two times, write one file.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

PACKAGES = ["pandas==2.3.3", "polars==1.35.2", "duckdb==1.4.2", "pyarrow==22.0.0"]
COLUMNS = (
    "id geo coordinates place contributors is_quote_status quote_count reply_count retweet_count favorite_count "
    "favorited retweeted created_at source in_reply_to_user_id in_reply_to_screen_name source_text place_id place_url "
    "place_place_type place_name place_full_name place_country_code place_country place_bounding_box_type "
    "place_bounding_box_coordinates place_attributes coords_type coords_lon coords_lat geo_type geo_lon geo_lat "
    "user_name user_screen_name user_followers user_friends user_listed user_favourites user_statuses user_protected "
    "user_verified user_contributors_enabled user_joined user_location retweeted_tweet tweet_text_urls "
    "tweet_text_hashtags tweet_text_usernames num_urls_in_tweet_text num_users_in_tweet_text "
    "num_hashtags_in_tweet_text text"
).split()
KEPT = (
    "id contributors created_at source in_reply_to_screen_name source_text place_id place_url place_place_type "
    "place_country_code place_country user_name user_screen_name user_followers user_friends user_listed "
    "user_favourites user_statuses user_protected user_verified user_joined user_location retweeted_tweet text"
).split()
TIMES = ("created_at", "user_joined")
FORMAT = "%a %b %d %H:%M:%S %z %Y"


def with_pandas(hour, words, out, form):
    import re

    import pandas as pd

    frames = []
    for file in sorted(hour.iterdir()):
        rows = []
        for line in file.read_bytes().decode("utf-8").split("\n"):
            values = line[:-1].split("\t") if line.endswith("\t") else line.split("\t")
            if len(values) == len(COLUMNS):
                rows.append(values)
        frames.append(pd.DataFrame(rows, columns=COLUMNS).assign(file_name=file.name))
    rows = pd.concat(frames, ignore_index=True)
    unwanted = rows["text"].str.lower().str.contains("|".join(map(re.escape, words)))
    rows = rows[~unwanted][KEPT + ["file_name"]].copy()
    for column in TIMES:
        rows[column] = pd.to_datetime(rows[column], format=FORMAT)
    rows.to_csv(out, index=False) if form == "csv" else rows.to_parquet(out)


def with_polars(hour, words, out, form):
    import polars as pl

    lines = pl.concat(
        pl.scan_csv(file, has_header=False, separator="\x01", quote_char=None, new_columns=["line"]).with_columns(
            file_name=pl.lit(file.name)
        )
        for file in sorted(hour.iterdir())
    )
    rows = (
        lines.with_columns(parts=pl.col("line").str.strip_suffix("\t").str.split("\t"))
        .filter(pl.col("parts").list.len() == len(COLUMNS))
        .select(*[pl.col("parts").list.get(COLUMNS.index(name)).alias(name) for name in KEPT], "file_name")
        .filter(~pl.col("text").str.to_lowercase().str.contains_any(words))
        .with_columns(*[pl.col(name).str.to_datetime(FORMAT) for name in TIMES])
        .collect()
    )
    rows.write_csv(out) if form == "csv" else rows.write_parquet(out)


def with_duckdb(hour, words, out, form):
    import re

    import duckdb

    columns = ", ".join(
        f"strptime(p[{COLUMNS.index(name) + 1}], '{FORMAT}') as {name}"
        if name in TIMES
        else f"p[{COLUMNS.index(name) + 1}] as {name}"
        for name in KEPT
    )
    pattern = "|".join(map(re.escape, words))
    duckdb.execute(
        f"""copy (
            select {columns}, file_name from (
                select string_split(rtrim(line, chr(9)), chr(9)) as p, parse_filename(filename) as file_name
                from read_csv('{hour}/*', header=false, delim='\x01', quote='', escape='',
                              columns={{'line': 'VARCHAR'}}, filename=true, strict_mode=false))
            where len(p) = {len(COLUMNS)} and not regexp_matches(lower(p[{len(COLUMNS)}]), '{pattern}')
        ) to '{out}' (format {'csv, header' if form == 'csv' else 'parquet'})"""
    )


PEERS = {"pandas": with_pandas, "polars": with_polars, "duckdb": with_duckdb}


def once(peer, folder, form):
    words = [word for word in (folder / "lake/unwanted.txt").read_text().splitlines() if word]
    out = folder / f"out-{peer}-{form}"
    out.mkdir(exist_ok=True)
    for hour in sorted((folder / "lake").glob("[0-9]*/[0-9]*/[0-9]*/[0-9]*")):
        target = out / ("".join(hour.parts[-4:]) + "." + form)
        PEERS[peer](hour, words, str(target), form)


def measure(python, peer, folder, form):
    began = time.time()
    process = subprocess.Popen([python, __file__, "--once", peer, str(folder), form])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{peer} failed")
    return time.time() - began, used.ru_utime + used.ru_stime, used.ru_maxrss // 1000


def main():
    if sys.argv[1] == "--once":
        return once(sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4])
    folder = pathlib.Path(sys.argv[1]).absolute()
    python = folder / "venv/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    for peer in sys.argv[2:] or PEERS:
        for form in ("csv", "parquet"):
            runs = [measure(python, peer, folder, form) for _ in range(3)]
            wall, cpu, peak = (statistics.median(values) for values in zip(*runs))
            print(f"{peer:<8} {form:<8} {wall:6.2f} s wall  {cpu:6.2f} s CPU  {peak:4.0f} MB peak", flush=True)


main()
