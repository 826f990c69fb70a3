printf 'one\ntwo\nthree\n' > f; sed s/o/0/ f; sed -n 2p f; sed '2d' f; sed -e s/e/E/g -e 1d f; sed -n '/t/p' f; sed 's/\(t\)\(.\)/\2\1/' f; sed '$d' f; sed -E 's/(o|e)+/X/' f
