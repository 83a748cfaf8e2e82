"""The predecessor's way, to measure against: json in, one csv line and one PutRecord a post.

usage: predecessor.py POSTS.jsonl[.gz] OUT.csv [ENDPOINT_URL STREAM]

Prints posts a second. With an endpoint (moto's, say) each post is put alone, as the predecessor did; without one only the
CSV is written. Needs boto3 for the former. Not code of the predecessor: the same steps."""
import csv, gzip, json, re, sys, time

source, out = sys.argv[1], sys.argv[2]
client = None
if len(sys.argv) > 4:
    import boto3
    client = boto3.client("firehose", endpoint_url=sys.argv[3], region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
URL, TAG, USER = re.compile(r"https?://\S+"), re.compile(r"#\w+"), re.compile(r"@\w+")
EMOJI = re.compile("[\u200d\u20e3\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]+")
opened = gzip.open(source, "rt") if source.endswith(".gz") else open(source)
posts, begun = 0, time.time()
with opened as lines, open(out, "w", newline="") as file:
    writer = csv.writer(file)
    for line in lines:
        whole = json.loads(line)
        post = whole["data"]
        users = {user["id"]: user for user in whole.get("includes", {}).get("users", [])}
        author = users.get(post.get("author_id"), {})
        metrics, counts = post.get("public_metrics", {}), author.get("public_metrics", {})
        text = post["text"].replace("\n", "").replace("\r", "")
        urls, tags, names = URL.findall(text), TAG.findall(text), USER.findall(text)
        for pattern in (URL, TAG, USER, EMOJI):
            text = pattern.sub("", text)
        fields = [post["id"], None, None, None, None, False, metrics.get("quote_count"), metrics.get("reply_count"), metrics.get("retweet_count"),
                  metrics.get("like_count"), False, False, post.get("created_at"), post.get("source"), post.get("in_reply_to_user_id"), None, None,
                  *[""] * 8, "[[]]", "{}", *[""] * 6, author.get("name"), author.get("username"), counts.get("followers_count"),
                  counts.get("following_count"), counts.get("listed_count"), counts.get("like_count"), counts.get("tweet_count"),
                  author.get("protected"), author.get("verified"), False, author.get("created_at"), author.get("location"), "no",
                  "|".join(urls), "|".join(tags), "|".join(names), len(urls), len(names), len(tags), text]
        writer.writerow(fields)
        if client:
            record = "".join(str(field) + "\t" for field in fields) + "\n"
            client.put_record(DeliveryStreamName=sys.argv[4], Record={"Data": record.encode()})
        posts += 1
seconds = time.time() - begun
print(f"{posts} posts in {seconds:.2f} s: {posts / seconds:,.0f} posts/s")
