#!/bin/bash
# What hydrant runs, as root, at each start of the notebook. SageMaker gives up on a start that takes more than five
# minutes: what takes long goes on in the background and tells about itself in hydrant/install.log.
set -euo pipefail
@settings@
home=/home/ec2-user/SageMaker/hydrant
install -d -o ec2-user -g ec2-user "$home"

# The watch comes first: whatever else fails, a forgotten instance stops.
cat > /usr/local/sbin/hydrant-idle-stop <<'HYDRANT_IDLE_STOP'
@idle_stop@
HYDRANT_IDLE_STOP
chmod 755 /usr/local/sbin/hydrant-idle-stop
if [ "$idle_seconds" -gt 0 ]; then
  watch=(/usr/bin/python3 /usr/local/sbin/hydrant-idle-stop "$notebook" "$region" "$idle_seconds")
  systemd-run --unit=hydrant-idle-stop --property=Restart=on-failure "${watch[@]}" ||
    nohup "${watch[@]}" > /var/log/hydrant-idle-stop.log 2>&1 &
  echo "hydrant: stops itself after $idle_seconds s without work"
fi

# The operator's own script, if there is one.
cat > /usr/local/sbin/hydrant-own <<'HYDRANT_OWN'
@own@
HYDRANT_OWN
chmod 700 /usr/local/sbin/hydrant-own
if [ "$(wc -c < /usr/local/sbin/hydrant-own)" -gt 1 ]; then
  /usr/local/sbin/hydrant-own
fi

# Where the lake is, for the notebook document.
python3 - "$home/lake.json" "$bucket" "$prefix" "$region" <<'HYDRANT_LAKE'
import json, sys
path, bucket, prefix, region = sys.argv[1:]
with open(path, "w") as file:
    json.dump({"root": "s3://%s/%s" % (bucket, prefix), "region": region}, file, indent=1)
HYDRANT_LAKE

cat > /usr/local/sbin/hydrant-install <<'HYDRANT_INSTALL'
set -uo pipefail
home=$1 document=$2 region=$3
again() { for pause in 5 15 45 90 0; do "$@" && return 0; sleep "$pause"; done; echo "gave up: $*"; return 1; }
# A document that the operator has worked on is theirs.
[ -e "$home/hydrant.ipynb" ] ||
  again aws s3 cp --region "$region" "$document" "$home/hydrant.ipynb"
command -v java || again dnf -y install java-17-amazon-corretto-headless ||
  again yum -y install java-17-amazon-corretto-headless
# On the notebook's own disk, so that the next start finds it.
[ -x "$home/env/bin/python" ] || python3 -m venv "$home/env"
again "$home/env/bin/pip" install --quiet --disable-pip-version-check \
  'pyspark==3.5.*' pandas pyarrow boto3 s3fs matplotlib ipykernel
chown -R ec2-user:ec2-user "$home"
sudo -u ec2-user "$home/env/bin/python" -m ipykernel install --user --name hydrant --display-name "hydrant"
echo "ready: open hydrant/hydrant.ipynb"
HYDRANT_INSTALL
nohup bash /usr/local/sbin/hydrant-install "$home" "s3://$bucket/$document" "$region" > "$home/install.log" 2>&1 &
echo "hydrant: installing in the background, see hydrant/install.log"
