#!/bin/sh
# Builds compose/Dockerfile without an engine, on a base made by debootstrap, and starts the command in
# it, as the image's user, with nothing to write to but /tmp. For root on Debian or Ubuntu:
#   apt-get install buildah debootstrap
# A second run takes the base of the first. PIP_CERT and PIP_INDEX_URL hold within, too.
set -eu
cd "$(dirname "$0")/.."
export STORAGE_DRIVER="${STORAGE_DRIVER:-vfs}" BUILDAH_ISOLATION=chroot
work=$(mktemp -d)
container=
trap 'test -z "$container" || buildah rm "$container" >/dev/null; rm -rf "$work"' EXIT

if ! buildah inspect --type image localhost/alternator-migrate-base >/dev/null 2>&1; then
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/root" >"$work/log" ||
    { tail "$work/log"; exit 1; }
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$work/root" /
  if [ -n "${PIP_CERT:-}" ]; then
    buildah copy --quiet "$container" "$PIP_CERT" /etc/ssl/pip.pem
    printf '[global]\ncert = /etc/ssl/pip.pem\n' >"$work/pip.conf"
    buildah copy --quiet "$container" "$work/pip.conf" /etc/pip.conf
  fi
  buildah config --env PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$container"
  buildah commit --quiet "$container" localhost/alternator-migrate-base >/dev/null
  buildah rm "$container" >/dev/null
fi

buildah build --quiet --network host --build-arg BASE=localhost/alternator-migrate-base \
  --file compose/Dockerfile --ignorefile compose/Dockerfile.dockerignore --tag localhost/alternator-migrate .
container=$(buildah from localhost/alternator-migrate)
user=$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")
root=$(buildah mount "$container")
unshare --mount sh -eu -c '
  mount --bind "$1" "$1"
  mount -o remount,bind,ro "$1"
  mount -t tmpfs -o size=64m tmpfs "$1/tmp"
  ! touch "$1/app/written" 2>/dev/null
  exec env -i PATH=/opt/alternator-migrate/bin:/usr/bin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1 \
    /usr/sbin/chroot --userspec="$2" "$1" alternator-migrate --version
' sh "$root" "$user"
