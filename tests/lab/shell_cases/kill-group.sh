setsid sh -c 'echo $$ > pid; sleep 20; echo no' & while ! [ -s pid ]; do sleep 0.05; done; kill -TERM -$(cat pid); wait $!; echo $?
