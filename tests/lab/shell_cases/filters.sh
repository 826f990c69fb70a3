printf 'aGVs!bG8=' | base64 -d 2>/dev/null; echo " $?"
printf 'YQ==\nYg==' | base64 -d 2>/dev/null; echo " $?"
printf '' | base64; echo $?
head -c 100 /dev/zero | base64 -w 20; head -c 57 /dev/zero | base64; printf x | base64 -w 0; echo
printf 'a\nb' > f; printf 'c\nd\n' > g; cat f g; cat f missing g 2>/dev/null; echo $?
cat < f | cat - g; cat . 2>/dev/null; echo $?
head -n 1 f; head -n 5 f; echo; head -n 0 f; head -c 3 g; head f g; head -n -1 g; head -c 2 missing 2>/dev/null; echo $?
printf 'a\r\nb\nc\n' | head -n 2 | od -An -c
(printf 'a\n'; printf 'b\nc\n'; printf 'd\n') | head -n 2
/bin/true; echo $?; env false; echo $?; base64 missing 2>/dev/null; echo $?
