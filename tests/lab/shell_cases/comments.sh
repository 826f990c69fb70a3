echo a # comment
# echo no
echo b#c "#d"
