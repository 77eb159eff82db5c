//! How much of its speed a training keeps while other programs take the processor's time.
//!
//! `busy [WORKLOAD] [--seconds N] [--loops 0,1,2] [--threads T] [--beside COMMAND] [--peer COMMAND]`
//! trains the workload (`c`, the dense GAN) for N seconds at a time (5 by default) beside that many
//! busy loops: left to the system, and pinned to one core each where there is the program `taskset`;
//! then beside a command of the shell that keeps all cores busy, such as `cargo build`. Each line has
//! the steps per second, their share of those of the idle machine measured before and after, the fair
//! share of the cores, `min(1, C / (T + B))` for T threads beside B busy ones on C cores, and how much
//! of the fair share was got. A peer, such as `python benches/python/peer.py c --mode tuned`, is timed
//! beside the same in turn. The idle machine's figures mean nothing unless it is idle.

use std::{
    env, hint,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use latentlab_benches::{Job, Result, Workload};
use latentlab_kernels::pool;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tells this program that it is a busy loop, and for how many seconds at most.
const LOOP: &str = "--loop";

/// What is asked for.
struct Options {
    workload: String,
    seconds: f64,
    loops: Vec<usize>,
    threads: Option<usize>,
    beside: Option<String>,
    peer: Option<String>,
}

fn main() -> ExitCode {
    match work(env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: Vec<String>) -> Result<ExitCode> {
    if let [mode, seconds] = &arguments[..]
        && mode == LOOP
    {
        let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
        while Instant::now() < end {
            (0..10_000).for_each(|number| {
                hint::black_box(number);
            });
        }
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::read(&arguments)?;
    // candle's own pool, whose threads never sleep, would be a busy loop of its own.
    if env::var("CANDLE_NUM_THREADS").is_err() {
        let mut again = Command::new(env::current_exe()?);
        again.args(&arguments).env("CANDLE_NUM_THREADS", "1");
        if let Some(threads) = options.threads {
            again.env("RAYON_NUM_THREADS", threads.to_string());
        }
        let status = again.status()?;
        return Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    measure(&options)?;
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            workload: "c".to_owned(),
            seconds: 5.0,
            loops: vec![0, 1, 2],
            threads: None,
            beside: None,
            peer: None,
        };
        let named = arguments.first().filter(|name| !name.starts_with("--"));
        if let Some(name) = named {
            options.workload.clone_from(name);
        }
        for pair in arguments[usize::from(named.is_some())..].chunks(2) {
            match pair {
                [key, value] if key == "--seconds" => options.seconds = value.parse()?,
                [key, value] if key == "--threads" => options.threads = Some(value.parse()?),
                [key, value] if key == "--beside" => options.beside = Some(value.clone()),
                [key, value] if key == "--peer" => options.peer = Some(value.clone()),
                [key, value] if key == "--loops" => {
                    let numbers = value.split(',').map(|number| number.trim().parse());
                    options.loops = numbers.collect::<std::result::Result<_, _>>()?;
                }
                _ => {
                    let known =
                        "--seconds N, --loops B,B,…, --threads T, --beside COMMAND, --peer COMMAND";
                    return Err(format!("unknown option {pair:?}; known: {known}").into());
                }
            }
        }
        Ok(options)
    }
}

fn measure(options: &Options) -> Result<()> {
    let (threads, cores) = (pool::threads(), thread::available_parallelism()?.get());
    println!(
        "workload {}, {threads} threads, {cores} cores",
        options.workload
    );
    let job = Workload::named(&options.workload, None, 1.0)?.start()?;
    let mut sides = vec![("ours", Side::Ours(Box::new(job)))];
    if let Some(command) = &options.peer {
        sides.push(("peer", Side::start(command)?));
    }
    for (_, side) in &mut sides {
        steps_per_second(side, options.seconds / 2.0)?;
    }
    let mut lines = Vec::new();
    for (beside, others) in conditions(options, cores) {
        let Some(running) = others.start(options.seconds * sides.len() as f64)? else {
            continue;
        };
        thread::sleep(Duration::from_millis(200));
        let busy = others.threads(cores);
        for (name, side) in &mut sides {
            lines.push(Line {
                side: name,
                beside: beside.clone(),
                busy,
                speed: steps_per_second(side, options.seconds)?,
            });
        }
        running.require(&beside)?;
    }
    println!(
        "{:<5} {:<20} {:>9} {:>8} {:>6} {:>8}",
        "", "beside", "steps/s", "of idle", "fair", "of fair"
    );
    for line in &lines {
        let alone = lines
            .iter()
            .filter(|other| other.side == line.side && other.busy == 0);
        let alone: Vec<f64> = alone.map(|other| other.speed).collect();
        let idle = alone.iter().sum::<f64>() / alone.len() as f64;
        let share = line.speed / idle;
        let fair = (cores as f64 / (threads + line.busy) as f64).min(1.0);
        println!(
            "{:<5} {:<20} {:>9.1} {share:>8.2} {fair:>6.2} {:>8.2}",
            line.side,
            line.beside,
            line.speed,
            share / fair
        );
    }
    Ok(())
}

/// One line of the table.
struct Line {
    side: &'static str,
    /// What the side was timed beside, and how many threads that keeps busy.
    beside: String,
    busy: usize,
    /// Steps per second.
    speed: f64,
}

/// What the training is timed beside, in order: nothing before and after everything else.
fn conditions(options: &Options, cores: usize) -> Vec<(String, Others)> {
    let mut conditions = vec![("nothing, before".to_owned(), Others::Loops(0, None))];
    for count in options.loops.iter().copied().filter(|count| *count > 0) {
        conditions.push((format!("{count} busy"), Others::Loops(count, None)));
        let pinned = Others::Loops(count, Some(cores));
        conditions.push((format!("{count} busy, one a core"), pinned));
    }
    if let Some(command) = &options.beside {
        conditions.push(("the command".to_owned(), Others::Command(command.clone())));
    }
    conditions.push(("nothing, after".to_owned(), Others::Loops(0, None)));
    conditions
}

/// Who trains.
enum Side {
    Ours(Box<Job>),
    /// Another program that reads `steps N` and writes a line when they are taken.
    Peer(Child, BufReader<ChildStdout>),
}

impl Side {
    fn start(command: &str) -> Result<Self> {
        let mut child = shell(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("no output of the peer")?;
        let mut peer = Self::Peer(child, BufReader::new(output));
        peer.line()?;
        peer.signal("STOP");
        Ok(peer)
    }

    /// Lets a peer run or halts it: its threads may wait awake.
    fn signal(&self, name: &str) {
        if let Self::Peer(child, _) = self {
            signal(child, name);
        }
    }

    /// The next line of a peer.
    fn line(&mut self) -> Result<()> {
        if let Self::Peer(_, output) = self
            && output.read_line(&mut String::new())? == 0
        {
            return Err("the peer has ended".into());
        }
        Ok(())
    }

    fn steps(&mut self, count: u64) -> Result<()> {
        match self {
            Self::Ours(job) => {
                job.steps(count)?;
                Ok(())
            }
            Self::Peer(child, _) => {
                let input = child.stdin.as_mut().ok_or("no input of the peer")?;
                writeln!(input, "steps {count}")?;
                self.line()
            }
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if let Self::Peer(child, _) = self {
            end(child);
        }
    }
}

fn steps_per_second(side: &mut Side, seconds: f64) -> Result<f64> {
    side.signal("CONT");
    let start = Instant::now();
    let mut steps = 0;
    while start.elapsed().as_secs_f64() < seconds {
        side.steps(10)?;
        steps += 10;
    }
    let speed = steps as f64 / start.elapsed().as_secs_f64();
    side.signal("STOP");
    Ok(speed)
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    // In a group of its own, which can be ended as a whole.
    shell.args(["-c", command]).process_group(0);
    shell
}

/// Sends a signal to a process and those that it has started.
fn signal(child: &Child, name: &str) {
    let group = format!("-{}", child.id());
    let mut kill = Command::new("kill");
    kill.args(["-s", name, "--", &group]).stderr(Stdio::null());
    // Those that have ended need none.
    let _ = kill.status();
}

/// Ends a process and those that it has started.
fn end(child: &mut Child) {
    signal(child, "KILL");
    let _ = child.wait();
}

/// What takes the processor's time.
enum Others {
    /// So many busy loops, each pinned to one of so many cores or to none.
    Loops(usize, Option<usize>),
    /// A command that keeps every core busy.
    Command(String),
}

impl Others {
    /// How many threads they keep busy.
    fn threads(&self, cores: usize) -> usize {
        match self {
            Self::Loops(count, _) => *count,
            Self::Command(_) => cores,
        }
    }

    /// Starts them, to run for more than so many seconds; nothing where they cannot be pinned.
    fn start(&self, seconds: f64) -> Result<Option<Running>> {
        let (count, cores) = match self {
            Self::Loops(count, cores) => (*count, *cores),
            Self::Command(command) => {
                let mut command = shell(command);
                let child = command
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()?;
                return Ok(Some(Running(vec![child])));
            }
        };
        let program = env::current_exe()?;
        let mut running = Running(Vec::new());
        for index in 0..count {
            let mut command = match cores {
                None => Command::new(&program),
                Some(cores) => {
                    let mut pinned = Command::new("taskset");
                    pinned
                        .arg("-c")
                        .arg((index % cores).to_string())
                        .arg(&program);
                    pinned
                }
            };
            // They end by themselves should this process be killed.
            command.args([LOOP, &(2.0 * seconds + 10.0).to_string()]);
            match command.process_group(0).stdout(Stdio::null()).spawn() {
                Ok(child) => running.0.push(child),
                Err(error) if cores.is_some() => {
                    eprintln!("not measured with pinned loops: taskset: {error}");
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(running))
    }
}

/// Processes beside this one, ended when they are dropped.
struct Running(Vec<Child>);

impl Running {
    /// That all of them still run: what was timed beside those that ended means nothing.
    fn require(mut self, what: &str) -> Result<()> {
        for child in &mut self.0 {
            if let Some(status) = child.try_wait()? {
                return Err(format!("{what} ended too early: {status}").into());
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(end);
    }
}
