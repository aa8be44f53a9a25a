#!/usr/bin/env bash
# Asks the server in this container whether it lives. Bash speaks enough TCP for that: no curl in the image.
set -eu
port="${CONMAN_LISTEN##*:}"
exec 3<>"/dev/tcp/127.0.0.1/${port:-7070}"
printf 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
read -r -t 4 _ status _ <&3
[ "$status" = 200 ]
