"""Some minutes of the stream as a service: the sandbox's Jetstream to Firehose at moto, watched every ten seconds.

usage: stream_minutes.py HYDRANT ENDPOINT_URL [MINUTES] [EVENTS]

HYDRANT is the release binary, ENDPOINT_URL an empty moto (`python -m moto.server -p 5000`), EVENTS what the sandbox's
feed gives a second (460 are some 260 posts: the rest is likes, deletions and posts again). Prints what the service says
of itself, its memory, and at the end its share of a core."""
import json, os, subprocess, sys, tempfile, time

hydrant, endpoint = os.path.abspath(sys.argv[1]), sys.argv[2]
minutes = float(sys.argv[3]) if len(sys.argv) > 3 else 10
events = sys.argv[4] if len(sys.argv) > 4 else "460"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu(process):
    times = open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()
    return (int(times[11]) + int(times[12])) / TICKS


def megabytes(process):
    resident = next(line for line in open(f"/proc/{process}/status") if line.startswith("VmRSS"))
    return int(resident.split()[1]) / 1000


with tempfile.TemporaryDirectory() as home:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS", "HYDRANT"))}
    environment = own | {"HOME": home}
    serve = [hydrant, "sandbox", "--serve", "--feed-rate", events]
    feed = subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    environment["JETSTREAM_URL"] = json.loads(feed.stdout.readline())["jetstream_url"]
    environment |= {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"}
    environment |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}

    def run(*arguments):
        done = subprocess.run([hydrant, *arguments], env=environment, cwd=home, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def status():
        return json.loads(run("stream", "status", "--json"))

    try:
        run("up", "--yes")
        everything = os.path.join(home, "terms")
        open(everything, "w").close()
        run("stream", "start", "--source", "jetstream", "--to", "firehose", "--terms-file", everything)
        while (first := status())["state"] != "running":
            time.sleep(1)
        process = first["pid"]
        begun, used, memory, lags = time.time(), cpu(process), [], []
        while time.time() - begun < 60 * minutes:
            time.sleep(10)
            now = status()
            memory.append(megabytes(process))
            lags.append(now["lag_s"])
            print(f"{time.time() - begun:4.0f} s  {now['delivered']} delivered, {now['pending']} pending, "
                  f"{now['rate']:.0f}/s, {now['lag_s']} s behind, {memory[-1]:.1f} MB", flush=True)
        seconds, used = time.time() - begun, cpu(process) - used
        received, delivered = (now[what] - first[what] for what in ("received", "delivered"))
        run("stream", "stop")
        last = status()
        sums = last["filtered"] + last["duplicates"] + last["malformed"] + last["delivered"] + last["pending"]
        assert last["pending"] == 0 and last["received"] == sums, last
        print(f"{received / seconds:.0f} events and {delivered / seconds:.0f} posts a second; "
              f"{100 * used / seconds:.1f} % of a core; {min(memory):.0f} to {max(memory):.0f} MB; "
              f"at most {max(lags)} s behind; nothing pending after the stop")
    finally:
        feed.terminate()
