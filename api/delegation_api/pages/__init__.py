"""The reviewer's pages: rendered here, working without script, with no logic of their own."""
