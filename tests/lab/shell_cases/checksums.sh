printf hello > f; sha256sum f; md5sum < f; sha256sum f > s; sha256sum -c s; echo bad > f; sha256sum -c s >/dev/null 2>&1; echo $?
