#!/usr/bin/env bash
# Puts a backup in the place of the database. The service must be stopped; agents may run on. The database that is there is kept aside, never overwritten.
#   scripts/restore.sh          the newest backup
#   scripts/restore.sh FILE     this one
#   scripts/restore.sh --list   says which there are
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
database=$home/orchestrator.db
backups=$home/backups
ours() { ls "$backups" 2>/dev/null | sed -n '/^orchestrator-[0-9]\{8\}T[0-9]\{6\}Z\.db$/p' | sort; }
case ${1:-} in
  --list)
    ours
    exit 0
    ;;
  -*) die "Usage: scripts/restore.sh [FILE | --list]" ;;
  "")
    name=$(ours | tail -n 1)
    [ -n "$name" ] || die "There is no backup in $backups."
    file=$backups/$name
    ;;
  *)
    file=$1
    case $file in /*) ;; *) if [ -f "$OLDPWD/$file" ]; then file=$OLDPWD/$file; else file=$backups/$file; fi ;; esac
    ;;
esac
[ -d "$home" ] || die "There is no home $home."
[ -f "$file" ] || die "There is no file $file."
if pid=$(service_pid); then die "A service (pid $pid) runs on $home. Stop it first: scripts/stop.sh. Its agents go on meanwhile."; fi
if command -v flock >/dev/null && [ -e "$home/lock" ] && ! flock --nonblock "$home/lock" true; then die "Somebody holds $home/lock: a service that starts or ends. Try again when it is gone."; fi
[ "$(head -c 15 "$file")" = "SQLite format 3" ] || die "$file is no SQLite database."
aside=$home/replaced-$(date -u +%Y%m%dT%H%M%SZ)
[ ! -e "$aside" ] || die "$aside exists already. Try again in a second."

# Whole before anything is moved: a full disk leaves all as it was. A log beside the file holds the last commits of it: so it is where a service was killed.
drop_copy() { rm -f "$database.restoring-wal" "$database.restoring-shm" "$database.restoring"; }
copy() {
  umask 077
  cp "$file" "$database.restoring" || return
  [ ! -s "$file-wal" ] || cp "$file-wal" "$database.restoring-wal"
}
drop_copy
(copy) || {
  drop_copy
  die "The backup could not be copied into $home; nothing was changed."
}

# The copy, because SQLite makes files beside what it reads. Versions before 3.37 cannot read our tables.
if ! command -v sqlite3 >/dev/null || ! sqlite3 :memory: 'CREATE TABLE t (a INT) STRICT' 2>/dev/null; then
  say "There is no sqlite3 of version 3.37 or later: whether $file is whole is not checked here. The service does that at its start."
else
  found=$(sqlite3 -readonly "$database.restoring" 'PRAGMA quick_check(1)' 2>&1) || true
  if [ "$found" != ok ]; then
    drop_copy
    die "$file is damaged itself: $found. Choose another one: scripts/restore.sh --list."
  fi
  rm -f "$database.restoring-shm"
  [ -s "$file-wal" ] || rm -f "$database.restoring-wal"
fi
sync
(umask 077 && mkdir "$aside")
if [ -e "$database" ]; then ln "$database" "$aside/orchestrator.db" 2>/dev/null || cp -p "$database" "$aside/orchestrator.db"; fi

# There is a database at every moment: without one the service would start empty. It refuses to start between the last two moves.
trap '' INT TERM HUP
for end in -wal -shm -mark; do
  [ ! -e "$database$end" ] || mv "$database$end" "$aside/"
done
mv -f "$database.restoring" "$database"
[ ! -e "$database.restoring-wal" ] || mv -f "$database.restoring-wal" "$database-wal"
sync
echo "Restored: $file"
echo "Kept aside: $aside (what was there before; remove it when all is well)"
case ${file##*/} in
  orchestrator-????????T??????Z.db) echo "Lost: whatever was stored after ${file##*/orchestrator-}, UTC: tasks that came later are unknown, later ends and callbacks are not known to have been." | sed 's/Z\.db,/,/' ;;
  *) echo "Lost: whatever was stored after this file was made." ;;
esac
echo "At its start the service compares the home with it: agents that live and worktrees whose tasks it does not know are reported in its log and in /health."
echo "What is in use is left alone; what has ended is put into quarantine/ a day later. Sent again before, the same task takes its agent up, or goes on from how it ended, and does not run twice."
