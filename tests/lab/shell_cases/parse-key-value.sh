cat > os-release <<'E'
ID=debian
VERSION_ID="13"
E
. ./os-release; echo $ID-$VERSION_ID; sed -n 's/^VERSION_ID="\(.*\)"/\1/p' os-release
