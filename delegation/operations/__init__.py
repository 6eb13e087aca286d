"""Every public act and question, declared once: routes, both clients and the commands derive from here."""
