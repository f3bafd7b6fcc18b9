//! Rows are command lines as these programs have them.

use super::*;

fn of(runtime: Runtime, line: &str, folder: &str) -> Option<String> {
    let command = Command::parse(line.replace(' ', "\0").as_bytes());
    script(runtime, &command, (!folder.is_empty()).then_some(folder))
}

#[test]
fn scripts_have_names() {
    use Runtime::{Beam, Bun, Deno, DotNet, Jvm, Native, Node, Perl, Php, Python, Ruby};
    let rows = [
        (Python, "python app.py", "/srv", Some("app"), "a script"),
        (Python, "python3 -u -X dev -W error /srv/shop.py --port 80", "", Some("shop"), "options with values"),
        (Python, "python -OOm shop.web", "", Some("shop.web"), "letters together, a module"),
        (Python, "python -mshop", "", Some("shop"), "the module in the same word"),
        (Python, "python -m", "", None, "no module"),
        (Python, "python -c import_x --multiprocessing-fork", "", None, "code on the line"),
        (Python, "python", "", None, "a console"),
        (Python, "python -", "", None, "standard input"),
        (Python, "python /venv/bin/gunicorn -b 0.0.0.0:80 -w 4 app:app", "", Some("app"), "gunicorn"),
        (Python, "python /venv/bin/gunicorn --bind localhost:80 shop.wsgi:application", "", Some("shop"), "Django"),
        (Python, "python /venv/bin/gunicorn --reload shop -k gevent", "", Some("shop"), "a module alone"),
        (Python, "python /venv/bin/gunicorn shop:make_app()", "", Some("shop"), "a factory"),
        (Python, "python /venv/bin/gunicorn -c conf.py", "", Some("gunicorn"), "the application is in a file"),
        (Python, "python -m uvicorn main:app --port 8000", "", Some("main"), "uvicorn as a module"),
        (Python, "python /venv/bin/flask --app shop run", "", Some("shop"), "Flask"),
        (Python, "python /venv/bin/flask --app=src/shop.py:app run", "", Some("shop"), "Flask, a file"),
        (Python, "python /venv/bin/flask run", "", Some("flask"), "Flask, the application in a variable"),
        (Python, "python /venv/bin/celery -A billing.tasks worker", "", Some("billing.tasks"), "Celery"),
        (Python, "python manage.py runserver", "/srv/shop", Some("shop"), "Django's own server"),
        (Python, "python manage.py runserver", "", Some("manage"), "without a folder"),
        (Python, "python /opt/shop/__main__.py", "", Some("shop"), "a package"),
        (Node, "node server.js", "/srv/shop", Some("shop"), "a name that says nothing"),
        (Node, "node server.js", "/usr/src/app", Some("server"), "nor does the folder"),
        (Node, "node /srv/cart/dist/index.js", "/", Some("cart"), "a folder that says nothing below one that does"),
        (Node, "node ./billing.mjs", "/srv", Some("billing"), "a script"),
        (Node, "node --require @opentelemetry/x --inspect=0 shop.js", "", Some("shop"), "options"),
        (Node, "node -r ./a.js -e x", "", None, "code on the line"),
        (Bun, "bun run shop.ts", "", Some("shop"), "Bun"),
        (Deno, "deno run --allow-all shop.ts", "", Some("shop"), "Deno"),
        (Jvm, "java -Xmx1g -jar /opt/shop-1.2.3-SNAPSHOT.jar --x", "", Some("shop"), "an archive with a version"),
        (Jvm, "java -jar shop.jar", "", Some("shop"), "an archive"),
        (Jvm, "java -javaagent:otel.jar -cp a.jar:b.jar com.acme.Shop", "", Some("Shop"), "a class"),
        (Jvm, "java -p mods -m com.acme/com.acme.Main", "", Some("Main"), "a module"),
        (Jvm, "java Shop.java 80", "", Some("Shop"), "a source file"),
        (
            Jvm,
            "java -cp shop-2.jar org.springframework.boot.loader.launch.JarLauncher",
            "",
            Some("shop"),
            "Spring Boot",
        ),
        (Jvm, "java -version", "", None, "no program"),
        (Jvm, "java -jar", "", None, "no archive"),
        (DotNet, "dotnet Shop.Api.dll", "", Some("Shop.Api"), "an assembly"),
        (DotNet, "dotnet exec --depsfile x.json /a/Shop.dll", "", Some("Shop"), "exec"),
        (DotNet, "dotnet run", "", None, "the tool itself"),
        (DotNet, "/app/Shop", "", None, "a self-contained program is named by its executable"),
        (Ruby, "ruby -I lib shop.rb", "", Some("shop"), "a script"),
        (Ruby, "ruby bin/rails server", "/srv/shop", Some("shop"), "Rails"),
        (Php, "php -d a=b /srv/shop/artisan serve", "", Some("shop"), "Laravel"),
        (Php, "php -S 0.0.0.0:80", "/srv/shop", Some("shop"), "the built-in server"),
        (Php, "php-fpm", "", None, "pools are no scripts"),
        (Perl, "perl -I lib shop.pl", "", Some("shop"), "a script"),
        (Beam, "beam.smp -- -root /opt -sname shop@host -extra", "", Some("shop"), "a node"),
        (Native, "shop server.py", "", None, "no interpreter"),
        (Python, "", "", None, "nothing"),
    ];
    for (runtime, line, folder, expected, reason) in rows {
        assert_eq!(of(runtime, line, folder).as_deref(), expected, "{line}: {reason}");
    }
}

#[test]
fn titles_are_read() {
    use Runtime::{Node, Python, Ruby};
    let rows = [
        (Python, "gunicorn: master [app:app]", Some("app"), "gunicorn with setproctitle"),
        (Python, "gunicorn: worker [shop.wsgi:application]", Some("shop"), "its worker, named the same"),
        (Ruby, "puma 6.4.2 (tcp://0.0.0.0:3000) [shop]", Some("shop"), "Puma"),
        (Ruby, "puma: cluster worker 0: 17 [shop]", Some("shop"), "its worker"),
        (Node, "node /srv/shop/server.js", Some("shop"), "a process manager that writes the line anew"),
        (Python, "celeryd: a b", None, "a title that is not known"),
        (Python, "gunicorn: master [", None, "cut"),
    ];
    for (runtime, title, expected, reason) in rows {
        let command = Command::parse(title.as_bytes());
        assert_eq!(script(runtime, &command, None).as_deref(), expected, "{title}: {reason}");
    }
}
