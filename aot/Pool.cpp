// Threads that last from call to call, for whoever has memory for them. LLVM IR that follows the
// threads of Support.cpp, in one text. In the caller's memory lie: the number of jobs so far (0),
// how many threads have yet to end the job (64), whether to stop (128), the number of threads with
// the caller's (132), the job: task, context, how many take part (192, 200, 208); whose turn it is
// to give one (256), a lock and a condition for threads that sleep (320, 384), how many do (448);
// then 32 bytes for each thread: its id, this memory, its index (512).
#include "aot/Support.h"

namespace diptych::aot {

static const char* const kPool = R"(
declare i32 @pthread_mutex_lock(ptr) nounwind
declare i32 @pthread_mutex_unlock(ptr) nounwind
declare i32 @pthread_cond_wait(ptr, ptr) nounwind
declare i32 @pthread_cond_broadcast(ptr) nounwind
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

; The next job is there. Whoever goes to sleep says so first and looks then, here it is the other
; way round: one of the two sees the other.
define hidden void @diptych_pool_wake(ptr %pool) nounwind {
  %job = atomicrmw add ptr %pool, i32 1 seq_cst
  %asleepAt = getelementptr i8, ptr %pool, i64 448
  %asleep = load atomic i32, ptr %asleepAt seq_cst, align 4
  %some = icmp ne i32 %asleep, 0
  br i1 %some, label %wake, label %out
wake:
  %lock = getelementptr i8, ptr %pool, i64 320
  %awake = getelementptr i8, ptr %pool, i64 384
  call i32 @pthread_mutex_lock(ptr %lock)
  call i32 @pthread_cond_broadcast(ptr %awake)
  call i32 @pthread_mutex_unlock(ptr %lock)
  ret void
out:
  ret void
}

; Spins for some ten microseconds, in which the next call often comes, then sleeps.
define hidden ptr @diptych_pool_worker(ptr %slot) nounwind {
entry:
  %poolAt = getelementptr i8, ptr %slot, i64 8
  %indexAt = getelementptr i8, ptr %slot, i64 16
  %pool = load ptr, ptr %poolAt
  %index = load i32, ptr %indexAt
  %pending = getelementptr i8, ptr %pool, i64 64
  %stopAt = getelementptr i8, ptr %pool, i64 128
  %taskAt = getelementptr i8, ptr %pool, i64 192
  %contextAt = getelementptr i8, ptr %pool, i64 200
  %partAt = getelementptr i8, ptr %pool, i64 208
  %lock = getelementptr i8, ptr %pool, i64 320
  %awake = getelementptr i8, ptr %pool, i64 384
  %asleepAt = getelementptr i8, ptr %pool, i64 448
  br label %next
next:
  %seen = phi i32 [ 0, %entry ], [ %job, %done ]
  br label %look
look:
  %spins = phi i32 [ 0, %next ], [ %spun, %again ]
  %now = load atomic i32, ptr %pool acquire, align 4
  %fresh = icmp ne i32 %now, %seen
  br i1 %fresh, label %go, label %rest
rest:
  %long = icmp uge i32 %spins, 2000
  br i1 %long, label %sleep, label %again
again:
  call void asm sideeffect "PAUSE", "~{memory}"()
  %spun = add i32 %spins, 1
  br label %look
sleep:
  call i32 @pthread_mutex_lock(ptr %lock)
  %before = atomicrmw add ptr %asleepAt, i32 1 seq_cst
  br label %asleep
asleep:
  %later = load atomic i32, ptr %pool seq_cst, align 4
  %called = icmp ne i32 %later, %seen
  br i1 %called, label %woken, label %doze
doze:
  call i32 @pthread_cond_wait(ptr %awake, ptr %lock)
  br label %asleep
woken:
  %with = atomicrmw sub ptr %asleepAt, i32 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr %lock)
  br label %go
go:
  %job = phi i32 [ %now, %look ], [ %later, %woken ]
  %stop = load atomic i32, ptr %stopAt acquire, align 4
  %ends = icmp ne i32 %stop, 0
  br i1 %ends, label %out, label %work
work:
  %part = load i32, ptr %partAt
  %takes = icmp slt i32 %index, %part
  br i1 %takes, label %run, label %done
run:
  %task = load ptr, ptr %taskAt
  %context = load ptr, ptr %contextAt
  call void %task(ptr %context, i32 %index)
  br label %done
done:
  %left = atomicrmw sub ptr %pending, i32 1 release
  br label %next
out:
  ret ptr null
}

; The `run` of a diptych_threads. Callers take turns. Does nothing where more are asked for than
; there are: they would wait for one another.
define hidden void @diptych_pool_run(ptr %pool, i32 %n, ptr %task, ptr %context) nounwind {
entry:
  %countAt = getelementptr i8, ptr %pool, i64 132
  %count = load i32, ptr %countAt
  %enough = icmp sle i32 %n, %count
  br i1 %enough, label %begin, label %out
begin:
  %turn = getelementptr i8, ptr %pool, i64 256
  call i32 @pthread_mutex_lock(ptr %turn)
  %taskAt = getelementptr i8, ptr %pool, i64 192
  %contextAt = getelementptr i8, ptr %pool, i64 200
  %partAt = getelementptr i8, ptr %pool, i64 208
  store ptr %task, ptr %taskAt
  store ptr %context, ptr %contextAt
  store i32 %n, ptr %partAt
  %pending = getelementptr i8, ptr %pool, i64 64
  %workers = sub i32 %count, 1
  store atomic i32 %workers, ptr %pending monotonic, align 4
  call void @diptych_pool_wake(ptr %pool)
  call void %task(ptr %context, i32 0)
  call void @diptych_await(ptr %pending, i32 0, i1 true)
  call i32 @pthread_mutex_unlock(ptr %turn)
  br label %out
out:
  ret void
}

define i64 @NAME_pool_bytes(i32 %asked) nounwind {
  %some = call i32 @llvm.smax.i32(i32 %asked, i32 1)
  %n = call i32 @llvm.smin.i32(i32 %some, i32 MOST)
  %wide = zext i32 %n to i64
  %slots = mul i64 %wide, 32
  %bytes = add i64 %slots, 512
  ret i64 %bytes
}

; Zeros are what a lock and a condition of Linux begin with.
define i32 @NAME_start_pool(ptr %pool, i32 %asked, ptr %threads) nounwind {
entry:
  %noPool = icmp eq ptr %pool, null
  %noThreads = icmp eq ptr %threads, null
  %null = or i1 %noPool, %noThreads
  br i1 %null, label %missing, label %look
missing:
  ret i32 NULL_POINTER
look:
  %address = ptrtoint ptr %pool to i64
  %low = and i64 %address, 63
  %aligned = icmp eq i64 %low, 0
  br i1 %aligned, label %begin, label %misaligned
misaligned:
  ret i32 BAD_WORKSPACE
begin:
  %bytes = call i64 @NAME_pool_bytes(i32 %asked)
  call void @llvm.memset.p0.i64(ptr align 64 %pool, i8 0, i64 %bytes, i1 false)
  %some = call i32 @llvm.smax.i32(i32 %asked, i32 1)
  %n = call i32 @llvm.smin.i32(i32 %some, i32 MOST)
  %slots = getelementptr i8, ptr %pool, i64 512
  br label %create
create:
  %k = phi i32 [ 1, %begin ], [ %k1, %created ]
  %enough = icmp eq i32 %k, %n
  br i1 %enough, label %started, label %next
next:
  %slot = getelementptr { i64, ptr, i32, i64 }, ptr %slots, i32 %k
  %poolAt = getelementptr i8, ptr %slot, i64 8
  %indexAt = getelementptr i8, ptr %slot, i64 16
  store ptr %pool, ptr %poolAt
  store i32 %k, ptr %indexAt
  %refused = call i32 @pthread_create(ptr %slot, ptr null, ptr @diptych_pool_worker, ptr %slot)
  %ok = icmp eq i32 %refused, 0
  br i1 %ok, label %created, label %started
created:
  %k1 = add i32 %k, 1
  br label %create
; As many as there are.
started:
  %countAt = getelementptr i8, ptr %pool, i64 132
  store i32 %k, ptr %countAt
  %runAt = getelementptr i8, ptr %threads, i64 8
  %ownAt = getelementptr i8, ptr %threads, i64 16
  store i32 %k, ptr %threads
  store ptr @diptych_pool_run, ptr %runAt
  store ptr %pool, ptr %ownAt
  ret i32 0
}

define void @NAME_stop_pool(ptr %threads) nounwind {
entry:
  %none = icmp eq ptr %threads, null
  br i1 %none, label %out, label %look
look:
  %runAt = getelementptr i8, ptr %threads, i64 8
  %ownAt = getelementptr i8, ptr %threads, i64 16
  %run = load ptr, ptr %runAt
  %pool = load ptr, ptr %ownAt
  %ours = icmp eq ptr %run, @diptych_pool_run
  br i1 %ours, label %end, label %out
end:
  %turn = getelementptr i8, ptr %pool, i64 256
  %stopAt = getelementptr i8, ptr %pool, i64 128
  %countAt = getelementptr i8, ptr %pool, i64 132
  %slots = getelementptr i8, ptr %pool, i64 512
  call i32 @pthread_mutex_lock(ptr %turn)
  store atomic i32 1, ptr %stopAt release, align 4
  call void @diptych_pool_wake(ptr %pool)
  %count = load i32, ptr %countAt
  br label %joining
joining:
  %j = phi i32 [ 1, %end ], [ %j1, %join ]
  %all = icmp eq i32 %j, %count
  br i1 %all, label %stopped, label %join
join:
  %slot = getelementptr { i64, ptr, i32, i64 }, ptr %slots, i32 %j
  %id = load i64, ptr %slot
  call i32 @pthread_join(i64 %id, ptr null)
  %j1 = add i32 %j, 1
  br label %joining
stopped:
  call i32 @pthread_mutex_unlock(ptr %turn)
  store i32 1, ptr %threads
  store ptr null, ptr %runAt
  store ptr null, ptr %ownAt
  br label %out
out:
  ret void
}
)";

std::string poolText() { return kPool; }

} // namespace diptych::aot
