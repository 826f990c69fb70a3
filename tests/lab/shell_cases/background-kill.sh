sleep 20 & p=$!; kill $p; wait $p; echo $?
