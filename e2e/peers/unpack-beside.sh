#!/bin/sh
# Exim and OpenSMTPD beside Postfix: their packages conflict with it, so they are only unpacked, and only what they link to
# is installed. Needs Debian and root. The tests start them where Debian's accounts and folders of theirs are made up.
set -eu
to=/opt/holdfast-peers
apt-get install -y -q --no-install-recommends \
  libdb5.3 libevent-2.1-7 libgnutls-dane0 libidn12 libidn2-0 libnsl2 libpcre2-8-0 mount util-linux
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
cd "$packages"
apt-get download exim4-daemon-light opensmtpd
rm -rf "$to" && mkdir -p "$to"
dpkg -x exim4-daemon-light_*.deb "$to/exim"
dpkg -x opensmtpd_*.deb "$to/opensmtpd"
