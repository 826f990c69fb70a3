printf 'a=1\nb=2\n' > f; chmod 600 f; sed -i 's/^a=.*/a=9/' f; cat f; stat -c %a f; sed -i '/^b/d' f; cat f
