"""How long it takes to make a host ready over the loopback: the sandbox's instance behind its real sshd, from nothing
(this program sent whole) and again with nothing to change.

usage: provisioning.py HYDRANT [ROUNDS]

HYDRANT is the release binary. Prints medians over the rounds (5) of a command's whole run, from its start to its end."""
import json, os, resource, statistics, subprocess, sys, tempfile, time

hydrant = os.path.abspath(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
STEPS = {"from nothing": [], "nothing to change": [], "only looked at": ["--check"]}


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


with tempfile.TemporaryDirectory() as home:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS", "HYDRANT"))}
    environment = own | {"HOME": home}
    serve = [hydrant, "sandbox", "--serve", "--pace", "100", "--dir", os.path.join(home, "cloud")]
    sandbox = subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    environment |= json.loads(sandbox.stdout.readline())["env"]

    def run(*arguments):
        done = subprocess.run([hydrant, *arguments], env=environment, cwd=home, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    try:
        run("up", "--yes")
        run("host", "run", "--", "true")
        times = {step: [] for step in STEPS}
        for _ in range(rounds):
            run("host", "run", "--", "rm", "-rf", "hydrant")
            for step, arguments in STEPS.items():
                begun, used = time.monotonic(), cpu()
                tasks = json.loads(run("host", "provision", "--json", *arguments).splitlines()[-1])
                times[step].append((time.monotonic() - begun, cpu() - used))
                if (tasks["changed"] > 0) != (step == "from nothing"):
                    sys.exit(f"{step}: {tasks}")
        print(f"a program of {os.path.getsize(hydrant) / 1e6:.0f} MB, medians of {rounds}")
        for step, taken in times.items():
            wall, used = (statistics.median(column) for column in zip(*taken))
            print(f"{step:<18} {wall:6.2f} s wall {used:6.2f} s of CPU (hydrant and ssh)")
        run("down", "--yes", "--delete-data")
    finally:
        sandbox.terminate()
        sandbox.wait()
