trap "echo term; exit 9" TERM; kill -TERM $$; echo no
