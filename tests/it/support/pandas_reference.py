"""Combines a lake the predecessor's way, with pandas: `python3 pandas_reference.py VENVS LAKE OUT WORDS`.

Written from the description of what the predecessor did: for each hourly folder read every file, split on newline
then tab, keep rows of exactly 53 fields, drop rows whose lower-cased text contains an unwanted word, keep 24 columns
and the file's name, rewrite the times, write one CSV. On first use it makes a virtual environment in VENVS.
"""

import fcntl
import os
import pathlib
import subprocess
import sys

PACKAGE = "pandas==2.3.3"
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


def environment(folder):
    """The Python that has pandas. A lock keeps two that start at once from both making it."""
    home = folder / PACKAGE.replace("==", "-")
    python = home / "bin" / "python"
    finished = home / "finished"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "pandas.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            run([sys.executable, "-m", "venv", "--clear", home], "python3 with venv: apt-get install python3-venv")
            run([python, "-m", "pip", "install", "--quiet", PACKAGE], f"the Python package {PACKAGE}")
            finished.touch()
    return python


def run(command, needed):
    if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode != 0:
        sys.exit(f"this needs {needed}")


def values(line):
    """The fields of a line: parted by tabs, with one more tab after the last."""
    return (line[:-1] if line.endswith("\t") else line).split("\t")


def combine(lake, out, words):
    import pandas as pd

    unwanted = [word for word in pathlib.Path(words).read_text(encoding="utf-8").splitlines() if word]
    for hour in sorted(pathlib.Path(lake).glob("[0-9]*/[0-9]*/[0-9]*/[0-9]*")):
        frames = []
        for file in sorted(hour.iterdir()):
            lines = file.read_bytes().decode("utf-8").split("\n")
            rows = [row for row in map(values, filter(None, lines)) if len(row) == len(COLUMNS)]
            frames.append(pd.DataFrame(rows, columns=COLUMNS).assign(file_name=file.name))
        rows = pd.concat(frames, ignore_index=True)
        lower = rows["text"].str.lower()
        keep = ~lower.map(lambda text: any(word in text for word in unwanted)).astype(bool)
        rows = rows[keep][KEPT + ["file_name"]].copy()
        for column in ("created_at", "user_joined"):
            rows[column] = pd.to_datetime(rows[column], format="%a %b %d %H:%M:%S %z %Y")
        name = "".join(hour.parts[-4:]) + ".csv"
        rows.to_csv(pathlib.Path(out) / name, index=False)


if len(sys.argv) == 5:
    python = environment(pathlib.Path(sys.argv[1]).absolute())
    os.execv(python, [python, __file__, *sys.argv[2:]])
else:
    combine(*sys.argv[1:4])
