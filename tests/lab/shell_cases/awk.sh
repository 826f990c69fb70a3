printf 'a 1\nb 2\nc 3\n' > f; awk '{print $2}' f; awk '$2>1{s+=$2}END{print s}' f; awk -F: '{print $1}' <<E
x:y
E
awk 'NR==2' f; awk -v v=5 'BEGIN{print v*2}'; awk '{print NF, $NF}' f; awk 'BEGIN{printf "%05.2f\n", 3.14159}'
